/** Refusals of the service as exceptions. */
import type { components } from "../schema.js";
export type Problem = components["schemas"]["Problem"];
/** The service refused a request. */
export declare class ApiProblem extends Error {
    /** Why, as RFC 9457 problem details: `status`, `code`, `detail`, and in `errors` the wrong fields, if any. */
    readonly problem: Problem;
    /** The answer; its header `Retry-After` (seconds) says when to try again, where that may help. */
    readonly response: Response;
    readonly name = "ApiProblem";
    constructor(
    /** Why, as RFC 9457 problem details: `status`, `code`, `detail`, and in `errors` the wrong fields, if any. */
    problem: Problem, 
    /** The answer; its header `Retry-After` (seconds) says when to try again, where that may help. */
    response: Response);
}
/**
 * What a call answered: `const swarm = ok(await swarmd.GET("/v1/swarms/{swarm_id}", …))`.
 *
 * @throws {ApiProblem} It was refused, by the service or by something between here and it.
 */
export declare function ok<Data>(answer: {
    data?: Data;
    error?: unknown;
    response: Response;
}): Data;
