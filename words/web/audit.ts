/** The audit log of the server. */
import { auditActionsEn, auditActionsRu } from './audit-actions.ts';
import { auditFactsEn, auditFactsRu } from './audit-facts.ts';

export const auditEn = {
  title: 'Audit',
  lead: 'Every change and every refusal on this server, newest first. Nothing here can be changed or deleted.',
  table: 'Audit log',
  at: 'Time',
  actor: 'Who',
  action: 'What',
  subject: 'Subject',
  facts: 'Details',
  from: 'From ({zone})',
  to: 'To',
  actions: auditActionsEn,
  factNames: auditFactsEn,
};

export const auditRu: typeof auditEn = {
  title: 'Аудит',
  lead: 'Все изменения и отказы на этом сервере, сначала новые. Здесь ничего нельзя изменить или удалить.',
  table: 'Журнал аудита',
  at: 'Время',
  actor: 'Кто',
  action: 'Что',
  subject: 'Объект',
  facts: 'Подробности',
  from: 'С ({zone})',
  to: 'По',
  actions: auditActionsRu,
  factNames: auditFactsRu,
};
