/** Which module a window is in. */
import type { Model } from './model.ts';
import type { Screen } from './screen.ts';
import { addressWindow } from './screens/address.ts';
import { authorityWindow } from './screens/authority.ts';
import { certificatesWindow } from './screens/certificates.ts';
import { codeWindow } from './screens/code.ts';
import { connectionWindow } from './screens/connection.ts';
import { detailsWindow } from './screens/details.ts';
import { importedWindow, importWindow } from './screens/import.ts';
import { languageWindow } from './screens/language.ts';
import { logWindow, recordWindow } from './screens/log.ts';
import { mainWindow } from './screens/main.ts';
import { noticesWindow } from './screens/notices.ts';
import { preflightWindow, reportWindow } from './screens/preflight.ts';
import { productWindow } from './screens/product.ts';
import { questionWindow } from './screens/question.ts';
import { refusalWindow } from './screens/refusal.ts';
import { registrationWindow } from './screens/registration.ts';
import { removalWindow } from './screens/removal.ts';
import { repairQuestionWindow, repairWindow } from './screens/repair.ts';
import { replacementWindow } from './screens/replacement.ts';
import { resetWindow } from './screens/reset.ts';
import { settingsWindow } from './screens/settings.ts';
import { timeWindow } from './screens/time.ts';
import { toolsWindow } from './screens/tools.ts';
import { waitingWindow } from './screens/waiting.ts';
import type { Window } from './window.ts';

export function windowOf(model: Model, screen: Screen): Window {
  switch (screen.at) {
    case 'main':
      return mainWindow(model, screen);
    case 'waiting':
      return waitingWindow(model, screen);
    case 'question':
      return questionWindow(model, screen);
    case 'refusal':
      return refusalWindow(model, screen);
    case 'tools':
      return toolsWindow(model, screen);
    case 'settings':
      return settingsWindow(model, screen);
    case 'preflight':
      return preflightWindow(model, screen);
    case 'report':
      return reportWindow(model, screen);
    case 'log':
      return logWindow(model, screen);
    case 'record':
      return recordWindow(model, screen);
    case 'certificates':
      return certificatesWindow(model, screen);
    case 'details':
      return detailsWindow(model, screen);
    case 'removal':
      return removalWindow(model, screen);
    case 'import':
      return importWindow(model, screen);
    case 'imported':
      return importedWindow(model, screen);
    case 'repair':
      return repairWindow(model, screen);
    case 'repair-question':
      return repairQuestionWindow(model, screen);
    case 'registration':
      return registrationWindow(model, screen);
    case 'authority':
      return authorityWindow(model, screen);
    case 'replacement':
      return replacementWindow(model);
    case 'code':
    case 'operation':
      return codeWindow(model, screen);
    case 'address':
      return addressWindow(model, screen);
    case 'connection':
      return connectionWindow(model, screen);
    case 'time':
      return timeWindow(model, screen);
    case 'language':
      return languageWindow(model, screen);
    case 'reset':
      return resetWindow(model, screen);
    case 'product':
      return productWindow(model, screen);
    case 'notices':
      return noticesWindow(model, screen);
  }
}
