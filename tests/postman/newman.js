// Runs requests of a collection through newman, for run.py.
//
// Reads a JSON document from each line of standard input: {"collection", "environment",
// "workingDir"}; writes one line for each: for every request what was sent, what came
// back, which of the collection's own tests failed and how its scripts left the
// variables. Requests, scripts, variables and authentication are newman's.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

// The modules stand in a build directory, named as the only argument.
const newman = createRequire(process.argv[2] + "/package.json")("newman");

function values(scope) {
    return Object.fromEntries(scope.values.map((variable) => [variable.key, variable.value]));
}

function outcome({ request, response, requestError, assertions, testScript }, scopes) {
    const failed = [...(assertions || []), ...(testScript || [])].filter((entry) => entry.error);
    return {
        verb: request.method,
        url: request.url.toString(),
        sent: request.body ? request.body.toString() : "",
        error: requestError ? String(requestError) : null,
        status: response ? response.code : null,
        type: (response && response.headers.get("Content-Type")) || "",
        body: response ? response.stream.toString("utf8") : "",
        failures: failed.map((entry) => entry.error.message),
        ...scopes,
    };
}

function run({ collection, environment, workingDir }) {
    return new Promise((resolve, reject) => {
        const left = new Map(); // variables after the last script of each request
        newman
            .run({ collection, environment, workingDir, reporters: [], timeoutRequest: 30000 }, (error, summary) =>
                error ? reject(error) : resolve(summary.run.executions.map((execution) =>
                    outcome(execution, left.get(execution.cursor.ref) || {}))))
            .on("script", (error, { cursor, execution }) => {
                if (execution) {
                    left.set(cursor.ref, {
                        environment: values(execution.environment),
                        variables: values(execution.collectionVariables),
                    });
                }
            });
    });
}

for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + "\n");
}
