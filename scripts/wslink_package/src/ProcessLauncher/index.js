import { ProcessLauncher } from "@hawser/hawser/compat";

export { ProcessLauncher } from "@hawser/hawser/compat";

export const { newInstance, extend } = ProcessLauncher;

export default ProcessLauncher;
