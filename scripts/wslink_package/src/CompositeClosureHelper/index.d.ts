export { capitalize, CompositeClosureHelper as default } from "@hawser/hawser/compat";
