/** The only place that talks to the server. */

import type { components } from "./api-types";
import type { Measurement } from "./measured";

type Schemas = components["schemas"];
export type FaceAnswer = Schemas["FaceAnswer"];
export type HeatmapAnswer = Schemas["HeatmapAnswer"];
export type FrameFace = Schemas["FrameFace"];
export type KeptImage = Schemas["KeptImage"];
/** What is known of a photo, wherever that is kept. */
export type ImageAnswer = Omit<KeptImage, "job_id">;
export type JobAnswer = Schemas["JobAnswer"];
export type JobImage = Schemas["JobImage"];
export type JobSummary = Schemas["JobSummary"];
export type JobVideo = Schemas["JobVideo"];
export type Limits = Schemas["Limits"];
export type ModelAnswer = Schemas["ModelAnswer"];
export type Problem = Schemas["Problem"];
export type Reason = Schemas["Reason"];
export type TrackAnswer = Schemas["TrackAnswer"];
export type Verdict = Schemas["Verdict"];

/** Empty where the server serves the page; another origin where the page is deployed apart. */
const SERVER = (process.env.NEXT_PUBLIC_API_URL ?? "").replace(/\/+$/, "");

export const API_DOCS = `${SERVER}/api/docs`;

/** Why there is no answer, or no result of a job. The last two are the page's own. */
export type Code =
  | Problem["code"]
  | NonNullable<JobSummary["reason"]>
  | "unreachable"
  | "unexpected";

/** A request that gave no answer; `code` is a `Code`, unless the server is newer than the page. */
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

/** Judge every face of a photo; `keep` puts the answer into the server's list, if it has one.
 * The page draws the heat map itself, so none is asked as a picture. */
export function detectImage(file: File, keep: boolean, signal?: AbortSignal): Promise<KeptImage> {
  const body = new FormData();
  body.append("file", file);
  const path = `/api/detect/image?overlay=false&keep=${keep}`;
  return request<KeptImage>(path, { method: "POST", body, signal });
}

/** What was measured before the page was built; it lies beside the page. */
export async function getMeasurements(signal?: AbortSignal): Promise<Measurement[]> {
  const response = await send("/results.json", { signal });
  return (await response.json()) as Measurement[];
}

/** Hand a file to the workers; `onSent` is told how many of its bytes have left. */
export function startJob(
  file: File,
  onSent: (sent: number) => void,
  signal: AbortSignal,
): Promise<JobAnswer> {
  const body = new FormData();
  body.append("files[]", file);
  // `fetch` does not tell how far an upload is.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded }) => onSent(Math.min(loaded, file.size));
    request.onload = () => {
      const response = new Response(request.response, {
        status: request.status,
        headers: { "Retry-After": request.getResponseHeader("Retry-After") ?? "" },
      });
      resolve(response.ok ? read<JobAnswer>(response) : refusal(response).then(raise));
    };
    request.onerror = () => reject(new ApiError("unreachable", "The server did not answer."));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", `${SERVER}/api/jobs?heatmap=true&pictures=true`);
    request.responseType = "blob";
    request.send(body);
  });
}

export function getJob(id: string, signal?: AbortSignal): Promise<JobAnswer> {
  return request<JobAnswer>(`/api/jobs/${id}`, { signal });
}

/** The latest jobs of this server, or those created before a time. */
export async function listJobs(before: string | null, signal?: AbortSignal): Promise<JobSummary[]> {
  const query = before === null ? "" : `?before=${encodeURIComponent(before)}`;
  const { jobs } = await request<Schemas["JobsAnswer"]>(`/api/jobs${query}`, { signal });
  return jobs;
}

/** Cancel a job that goes on, or forget one that has ended. */
export async function endJob(id: string): Promise<void> {
  await send(`${SERVER}/api/jobs/${id}`, { method: "DELETE" });
}

export async function forgetAllJobs(): Promise<void> {
  await send(`${SERVER}/api/jobs`, { method: "DELETE" });
}

/** Be told of every change of a job, until `onOver`: it has ended, or no more will be heard.
 * Gives what stops it. */
export function watchJob(
  id: string,
  onChange: (job: JobSummary) => void,
  onOver: () => void,
): () => void {
  const source = new EventSource(`${SERVER}/api/jobs/${id}/events`);
  const stop = () => source.close();
  const tell = ({ data }: MessageEvent<string>) => onChange(JSON.parse(data) as JobSummary);
  const end = () => {
    stop();
    onOver();
  };
  source.addEventListener("progress", tell);
  source.addEventListener("end", (event) => {
    tell(event);
    end();
  });
  source.addEventListener("error", end);
  return stop;
}

/** Where a picture of a job is: the server gives paths. */
export function pictureUrl(path: string): string {
  return SERVER + path;
}

/** One of the pictures that ship with the page, as if it had been picked. */
export async function getExample(name: string): Promise<File> {
  const response = await send(`/examples/${name}`, {});
  return new File([await response.blob()], name, { type: "image/jpeg" });
}

async function request<Answer>(path: string, init: RequestInit): Promise<Answer> {
  return read<Answer>(await send(SERVER + path, init));
}

async function read<Answer>(response: Response): Promise<Answer> {
  try {
    return (await response.json()) as Answer;
  } catch (error) {
    // What breaks off before its end fails otherwise than what is no JSON.
    throw error instanceof SyntaxError
      ? new ApiError("unexpected", "The answer could not be read.")
      : unlessAborted(error, new ApiError("unreachable", "The answer broke off."));
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

/** What stands between page and server answers with no problem document, but with these, and with
 * others from 500 up where it does not reach the server. */
const BETWEEN: Record<number, Code> = {
  408: "unreachable",
  413: "too_large",
  429: "busy",
  503: "busy",
};

async function refusal(response: Response): Promise<ApiError> {
  const retryAfterS = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const problem: Partial<Problem> = await response.json().catch(() => ({}));
  return new ApiError(
    problem.code ??
      BETWEEN[response.status] ??
      (response.status >= 500 ? "unreachable" : "unexpected"),
    problem.detail ?? `The server answered with status ${response.status}.`,
    Number.isNaN(retryAfterS) ? null : retryAfterS,
  );
}

function raise(error: Error): never {
  throw error;
}

function unlessAborted(error: unknown, otherwise: ApiError): unknown {
  return error instanceof DOMException && error.name === "AbortError" ? error : otherwise;
}
