/** The service refused a request. */
export class ApiProblem extends Error {
    problem;
    response;
    name = "ApiProblem";
    constructor(
    /** Why, as RFC 9457 problem details: `status`, `code`, `detail`, and in `errors` the wrong fields, if any. */
    problem, 
    /** The answer; its header `Retry-After` (seconds) says when to try again, where that may help. */
    response) {
        super(`${problem.status} ${problem.code}: ${problem.detail}`);
        this.problem = problem;
        this.response = response;
    }
}
/**
 * What a call answered: `const swarm = ok(await swarmd.GET("/v1/swarms/{swarm_id}", …))`.
 *
 * @throws {ApiProblem} It was refused, by the service or by something between here and it.
 */
export function ok(answer) {
    if (!answer.response.ok)
        throw new ApiProblem(problemOf(answer.response, answer.error), answer.response);
    return answer.data;
}
/** The body of a refusal as a problem: it may also be OpenAI's error envelope, or what a proxy says. */
function problemOf(response, error) {
    const inner = isObject(error) ? error["error"] : undefined;
    const body = isObject(inner) ? { detail: inner["message"], code: inner["code"] } : error;
    const given = Object.entries(isObject(body) ? body : { detail: String(body ?? "") });
    return {
        type: "about:blank",
        title: response.statusText,
        status: response.status,
        code: "unknown",
        detail: "",
        instance: new URL(response.url).pathname,
        ...Object.fromEntries(given.filter(([, value]) => value !== null && value !== undefined)),
    };
}
function isObject(value) {
    return typeof value === "object" && value !== null;
}
