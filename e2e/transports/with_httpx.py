"""Calls the API with httpx. The argument is the name of the parameter that takes
the body: data or json."""

import sys

import httpx

from steps import answer_of, answer_steps

client = httpx.Client()


def send(url, way, fields):
    if way == "get":
        return client.get(url, params=fields)
    if way == "query":
        return client.post(url, params=fields)
    return client.post(url, **{sys.argv[1]: fields})


answer_steps(lambda *step: answer_of(send(*step), httpx.HTTPStatusError))
