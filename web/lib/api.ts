/** The only place that talks to the server. */

import type { components } from "./api-types";
import type { Measurement } from "./measured";

type Schemas = components["schemas"];
export type ImageAnswer = Schemas["ImageAnswer"];
export type FaceAnswer = Schemas["FaceAnswer"];
export type HeatmapAnswer = Schemas["HeatmapAnswer"];
export type ModelAnswer = Schemas["ModelAnswer"];
export type Problem = Schemas["Problem"];
export type Reason = Schemas["Reason"];
export type Verdict = Schemas["Verdict"];

/** Empty where the server serves the page; another origin where the page is deployed apart. */
const SERVER = (process.env.NEXT_PUBLIC_API_URL ?? "").replace(/\/+$/, "");

export const API_DOCS = `${SERVER}/api/docs`;

/** A request that gave no answer. `code` is the server's, or one of the page's own:
 * `unreachable`, `unexpected`, `too_large` (refused before sending). */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export function getModel(signal?: AbortSignal): Promise<ModelAnswer> {
  return request<ModelAnswer>("/api/model", { signal });
}

/** Judge every face of a photo. The page draws the heat map itself, so none is asked as a picture. */
export function detectImage(file: File, signal?: AbortSignal): Promise<ImageAnswer> {
  const body = new FormData();
  body.append("file", file);
  return request<ImageAnswer>("/api/detect/image?overlay=false", { method: "POST", body, signal });
}

/** What was measured before the page was built; it lies beside the page. */
export async function getMeasurements(signal?: AbortSignal): Promise<Measurement[]> {
  const response = await send("/results.json", { signal });
  return (await response.json()) as Measurement[];
}

/** One of the pictures that ship with the page, as if it had been picked. */
export async function getExample(name: string): Promise<File> {
  const response = await send(`/examples/${name}`, {});
  return new File([await response.blob()], name, { type: "image/jpeg" });
}

async function request<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await send(SERVER + path, init);
  try {
    return (await response.json()) as Answer;
  } catch (error) {
    throw unlessAborted(error, new ApiError("unexpected", "The answer could not be read."));
  }
}

async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw unlessAborted(error, new ApiError("unreachable", "The server did not answer."));
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

async function refusal(response: Response): Promise<ApiError> {
  const retryAfterS = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const problem: Partial<Problem> = await response.json().catch(() => ({}));
  return new ApiError(
    problem.code ?? "unexpected",
    problem.detail ?? `The server answered with status ${response.status}.`,
    Number.isNaN(retryAfterS) ? null : retryAfterS,
  );
}

function unlessAborted(error: unknown, otherwise: ApiError): unknown {
  return error instanceof DOMException && error.name === "AbortError" ? error : otherwise;
}
