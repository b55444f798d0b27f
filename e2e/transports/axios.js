// Calls the API with axios. The argument says what the body is: json, an object;
// params, URLSearchParams; string, the text of a query; multipart, axios' own form.

import querystring from "node:querystring";
import axios from "axios";
import { answerSteps } from "./steps.js";

const body = process.argv[2];

function post(url, fields, options) {
  switch (body) {
    case "json":
      return axios.post(url, fields, options);
    case "params":
      return axios.post(url, new URLSearchParams(fields), options);
    case "string":
      return axios.post(url, querystring.stringify(fields), options);
    case "multipart":
      return axios.postForm(url, fields, options);
  }
  throw new Error(`no such body: ${body}`);
}

function send(url, way, fields, options) {
  switch (way) {
    case "get":
      return axios.get(url, { ...options, params: fields });
    case "query":
      return axios.post(url, null, { ...options, params: fields });
  }
  return post(url, fields, options);
}

answerSteps(async (url, way, fields) => {
  let text;
  // The first transform sees the text that axios then parses.
  const keep = (data) => (text = data);
  const options = { transformResponse: [keep, ...axios.defaults.transformResponse] };
  let response;
  let refused = "";
  try {
    response = await send(url, way, fields, options);
  } catch (error) {
    if (!error.response) {
      throw error;
    }
    response = error.response;
    refused = error.code;
  }
  return { status: response.status, headers: { ...response.headers }, body: text, parsed: response.data, refused };
});
