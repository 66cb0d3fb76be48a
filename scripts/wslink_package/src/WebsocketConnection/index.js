import { WebsocketConnection } from "@hawser/hawser/compat";

export { WebsocketConnection } from "@hawser/hawser/compat";

export const { newInstance, extend } = WebsocketConnection;

export default WebsocketConnection;
