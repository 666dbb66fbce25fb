// Talks to /api/selfies. Every refusal becomes an ApiError whose message a person may read.

const SLACK = 15; // seconds beyond the wait after which an answer no longer comes
const LANGUAGE = document.documentElement.lang; // which was chosen here, also where no cookie says so

export class ApiError extends Error {
  constructor(message, code, retryAfter = null, status = 0) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
    this.status = status;
  }
}

/**
 * Send photos, as one job. XMLHttpRequest, since fetch does not tell how much of the body is sent.
 * @param {Blob[]} photos
 * @param {Record<string, string>} options  form fields
 * @param {string} key  the same key sent again starts nothing twice
 * @param {(fraction: number) => void} sent
 * @returns {{accepted: Promise<{id: string, links: {page: string}}>, abort: () => boolean}}  abort: false when all of it
 *   is sent already
 */
export function send(photos, options, key, sent) {
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) form.append(name, value);
  for (const photo of photos) form.append("photo", photo, "photo");
  const request = new XMLHttpRequest();
  let complete = false;
  const accepted = new Promise((resolve, reject) => {
    request.open("POST", "/api/selfies");
    request.responseType = "json";
    request.setRequestHeader("Idempotency-Key", key);
    request.setRequestHeader("Accept-Language", LANGUAGE);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && sent(event.loaded / event.total));
    request.upload.addEventListener("load", () => (complete = true));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(request.response);
      else reject(problem(request.response, request.status, request.getResponseHeader("Retry-After")));
    });
    request.addEventListener("error", () => reject(new ApiError("", "no_connection")));
    request.addEventListener("abort", () => reject(new ApiError("", "aborted")));
    request.send(form);
  });
  const abort = () => {
    if (!complete) request.abort();
    return !complete;
  };
  return { accepted, abort };
}

/**
 * Where a photo stands. Throws ApiError, with code no_connection when nobody answered, or not within the time.
 * @param {number} wait  seconds that the service may hold its answer back, until there is a picture or will be none
 */
export function look(id, wait) {
  return call(`/api/selfies/${encodeURIComponent(id)}?wait=${wait}`, { signal: AbortSignal.timeout?.((wait + SLACK) * 1000) });
}

/**
 * Paint a photo that was sent before once more.
 * @param {string} variant  one of those that look() names in `again`
 * @param {string} key  the same key sent again starts nothing twice
 */
export function repaint(id, variant, key) {
  const url = `/api/selfies/${encodeURIComponent(id)}/again?variant=${encodeURIComponent(variant)}`;
  return call(url, { method: "POST", headers: { "Idempotency-Key": key } });
}

export function cancel(id) {
  return call(`/api/selfies/${encodeURIComponent(id)}/cancel`, { method: "POST" });
}

/**
 * Delete one photo and its pictures.
 * @param {string} page  its secret link
 * @returns {Promise<{message: string}>}
 */
export function discard(page) {
  return call(`${page}/delete`, { method: "POST" });
}

/**
 * Delete everything that this browser sent.
 * @returns {Promise<{message: string, known: boolean}>}  known: false when it sends no cookie, so that nothing is found
 */
export function forgetme() {
  return call("/api/forgetme", { method: "POST" });
}

async function call(url, options) {
  let response;
  try {
    const headers = { ...options.headers, Accept: "application/json", "Accept-Language": LANGUAGE };
    response = await fetch(url, { ...options, headers });
  } catch {
    throw new ApiError("", "no_connection");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw problem(body, response.status, response.headers.get("Retry-After"));
  if (body === null) throw problem(body, response.status); // 200 of a hotspot that wants a login
  return body;
}

function problem(body, status, retryAfter) {
  // What a proxy refuses has no words of ours.
  const code = body?.code ?? (status === 413 ? "photo_too_large" : "no_connection");
  return new ApiError(body?.detail ?? "", code, retryAfter ? Number(retryAfter) : null, status);
}

/** What names a request, so that the same one sent again starts nothing twice. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
