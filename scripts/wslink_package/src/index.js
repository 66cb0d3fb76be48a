import {
  CompositeClosureHelper,
  ProcessLauncher,
  SmartConnect,
  WebsocketConnection,
} from "@hawser/hawser/compat";

export { CompositeClosureHelper, ProcessLauncher, SmartConnect, WebsocketConnection };

export default { CompositeClosureHelper, ProcessLauncher, SmartConnect, WebsocketConnection };
