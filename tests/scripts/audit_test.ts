import { assertEquals } from "@std/assert";
import { dependenciesOf, readAudit, readDeprecated } from "../../scripts/check_audit.ts";

Deno.test("what is audited are npm's packages, each version once", () => {
  const imports = {
    "@std/assert": "./assert.ts",
    "ws": "npm:ws@8.23.0",
    "publint": "npm:publint@0.3.25",
    "publint/utils": "npm:publint@0.3.25/utils",
    "@remix-run/response/file": "npm:@remix-run/response@0.3.5/file",
    "wslink1": "npm:wslink@1.12.4",
    "wslink2": "npm:wslink@2.5.0",
  };
  assertEquals(dependenciesOf(imports), {
    "ws": "8.23.0",
    "publint": "0.3.25",
    "@remix-run/response": "0.3.5",
    "wslink": "1.12.4",
    "wslink2": "npm:wslink@2.5.0",
  });
});

/** As npm 10 prints it, shortened. */
function report(severity: string) {
  return JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: {
      "tar": {
        name: "tar",
        severity,
        via: [{ source: 1, title: "Writes where it should not", severity }, "minizlib"],
        range: "<6.2.1",
      },
    },
  });
}

Deno.test("high and critical holes are problems, lower ones aren't", () => {
  for (const severity of ["high", "critical"]) {
    assertEquals(readAudit(report(severity)), {
      problems: [`tar <6.2.1: ${severity}: Writes where it should not; minizlib`],
    });
  }
  assertEquals(readAudit(report("moderate")), { problems: [] });
});

Deno.test("a registry that can't be asked is no hole, and no clean bill either", () => {
  const refused = JSON.stringify({ message: "405 Method Not Allowed", statusCode: 405 });
  assertEquals(readAudit(refused), { problems: [], unknown: "405 Method Not Allowed" });
  assertEquals(readAudit("").unknown, "npm audit printed no JSON");
});

Deno.test("a package that its authors have given up is a problem", () => {
  const lock = JSON.stringify({
    lockfileVersion: 3,
    packages: {
      "": { name: "audited", version: "1.0.0" },
      "node_modules/ws": { version: "8.23.0" },
      "node_modules/a/node_modules/@old/tar": { version: "1.0.0", deprecated: "Has a hole" },
    },
  });
  assertEquals(readDeprecated(lock), ["@old/tar 1.0.0 is deprecated: Has a hole"]);
});
