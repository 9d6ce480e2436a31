import { embeddedBroker } from '../../server/edge/broker-embedded.ts';
import { brokerCases, type Start } from './broker-cases.ts';

const start: Start = async ({ fleet, tls }) => {
  const broker = await embeddedBroker({ fleet, tls, host: '127.0.0.1', port: 0, log: () => {} });
  return { broker, stop: broker.close };
};

brokerCases('embedded broker', start);
