package ui

import (
	"context"
	"strconv"
)

// bellMost is how far the bell counts.
const bellMost = 9

func bellCount(unread int64) string {
	if unread > bellMost {
		return strconv.Itoa(bellMost) + "+"
	}
	return strconv.FormatInt(unread, 10)
}

func bellLabel(ctx context.Context, unread int64) string {
	switch {
	case unread > bellMost:
		return T(ctx, "notices.bell_many")
	case unread > 0:
		return N(ctx, "notices.bell_unread", unread)
	}
	return T(ctx, "notices.title")
}
