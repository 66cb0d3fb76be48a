// deno-lint-ignore-file no-explicit-any -- wslink's own types have it, and its users count on that
import type { EventSubscription, WebsocketConnectionOptions } from "@hawser/hawser/compat";

/** What names a subscription. */
export interface SubscriberInfo {
  topic: string;
  callback: (args: any[]) => any;
}

/** A session: calls, subscriptions and attachments. */
export interface WebsocketSession {
  /** Calls a procedure; rejects with `{ code, message, data }`. */
  call(methodName: string, args?: any[], kwargs?: Record<string, any>): Promise<any>;
  /** Subscribes to a topic; the callback gets an array of one. */
  subscribe(topic: string, callback: (args: any[]) => any): {
    topic: string;
    callback: (args: any[]) => any;
    /** Fulfils once the subscription is made. */
    promise: Promise<SubscriberInfo>;
    /** Ends the subscription. */
    unsubscribe: () => Promise<void>;
  };
  /** Ends a subscription. */
  unsubscribe(info: SubscriberInfo): Promise<void>;
  /** Closes the connection. */
  close(): Promise<void>;
  /** Readies binary for a call, and returns what to put in its arguments. */
  addAttachment(payload: Blob | ArrayBuffer | ArrayBufferView): any;
}

/** What `newInstance()` takes. */
export interface IWebsocketConnectionInitialValues extends WebsocketConnectionOptions {
  connection?: any;
  session?: any;
}

/** One connection. */
export interface WebsocketConnection {
  connect(): WebsocketSession | null;
  getSession(): WebsocketSession;
  getUrl(): string | null | undefined;
  destroy(timeout?: number): void;
  onConnectionReady(callback: (connection: WebsocketConnection) => void): EventSubscription;
  onConnectionError(
    callback: (connection: WebsocketConnection, error: any) => void,
  ): EventSubscription;
  onConnectionClose(
    callback: (connection: WebsocketConnection, event: any) => void,
  ): EventSubscription;
  isA(className: string): boolean;
}

/** Makes a connection. */
export declare function newInstance(
  initialValues: IWebsocketConnectionInitialValues,
): WebsocketConnection;

/** Adds a connection's methods to an object, over a model. */
export declare function extend(
  publicAPI: object,
  model: object,
  initialValues?: IWebsocketConnectionInitialValues,
): void;

export declare const WebsocketConnection: {
  newInstance: typeof newInstance;
  extend: typeof extend;
};

export default WebsocketConnection;
