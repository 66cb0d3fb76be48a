/** A client in a process of its own, since only a process as a whole can be told whom to trust. */
import { connect } from "../../client.ts";

const [url = ""] = Deno.args;
await using session = await connect(url);
console.log(await session.call("math.add", [1, 2]));
