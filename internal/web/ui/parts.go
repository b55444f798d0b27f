package ui

import (
	"context"
	"strconv"
)

// shortID cuts an identifier in the middle: its prefix and its last characters
// tell it from its neighbours.
func shortID(id string) string {
	const most, head, tail = 16, 8, 5
	if len(id) <= most {
		return id
	}
	return id[:head] + "…" + id[len(id)-tail:]
}

// noteRole makes what went wrong heard at once.
func noteRole(kind string) string {
	if kind == "danger" {
		return "alert"
	}
	return "status"
}

// failureKey is the status that an error's texts go by.
func failureText(ctx context.Context, status int, text string) string {
	if text != "" {
		return text
	}
	return T(ctx, "error.text_"+failureKey(status))
}

func failureKey(status int) string {
	switch status {
	case 403, 404, 405, 413, 429, 503:
		return strconv.Itoa(status)
	}
	if status >= 500 {
		return "500"
	}
	return "400"
}

// Plain writes a number that names something: without grouping.
func Plain(n int64) string { return strconv.FormatInt(n, 10) }
