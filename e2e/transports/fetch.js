// Calls the API with Node's own fetch and URLSearchParams.

import { answerSteps } from "./steps.js";

function send(url, way, fields) {
  const params = new URLSearchParams(fields);
  switch (way) {
    case "get":
      return fetch(`${url}?${params}`);
    case "query":
      return fetch(`${url}?${params}`, { method: "POST" });
  }
  return fetch(url, { method: "POST", body: params });
}

answerSteps(async (url, way, fields) => {
  const response = await send(url, way, fields);
  const answer = {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.clone().text(),
    refused: "",
  };
  try {
    answer.parsed = await response.json();
  } catch (error) {
    answer.unread = error.name;
  }
  return answer;
});
