"""Calls the API with requests. The argument is the name of the parameter that
takes the body: data or json."""

import sys

import requests

from steps import answer_of, answer_steps

session = requests.Session()


def send(url, way, fields):
    if way == "get":
        return session.get(url, params=fields)
    if way == "query":
        return session.post(url, params=fields)
    return session.post(url, **{sys.argv[1]: fields})


answer_steps(lambda *step: answer_of(send(*step), requests.HTTPError))
