import { SmartConnect } from "@hawser/hawser/compat";

export {
  DEFAULT_SESSION_MANAGER_URL,
  DEFAULT_SESSION_URL,
  SmartConnect,
} from "@hawser/hawser/compat";

export const { newInstance, extend } = SmartConnect;

export default SmartConnect;
