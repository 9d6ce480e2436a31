/** The audit log of the server. */
export const auditEn = {
  title: 'Audit',
  lead: 'Every change and every refusal on this server, newest first. Nothing here can be changed or deleted.',
  table: 'Audit log',
  at: 'Time',
  actor: 'Who',
  action: 'What',
  subject: 'Subject',
  facts: 'Details',
  actions: {
    'code-answered': 'Replacement code given',
    'code-refused': 'Confirmation code refused',
    'request-refused': 'Request refused',
  },
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
  actions: {
    'code-answered': 'Выдан код замены',
    'code-refused': 'Код подтверждения отклонён',
    'request-refused': 'Запрос отклонён',
  },
};
