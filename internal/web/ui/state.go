package ui

import (
	"context"
	"fmt"
)

// shape is how a state is drawn.
type shape struct{ colour, form string }

// shapeOf returns colour and shape of a word that an order's customer reads, or of
// staff's "uncertain".
func shapeOf(word string) shape {
	switch word {
	case "processing":
		return shape{"blue", "half"}
	case "in_progress":
		return shape{"blue", "ring"}
	case "completed", "delivered":
		return shape{"green", "disc"}
	case "partial":
		return shape{"amber", "half-disc"}
	case "canceled":
		return shape{"grey", "strike"}
	case "failed", "rejected":
		return shape{"red", "disc"}
	case "refunded":
		return shape{"grey", "disc"}
	case "uncertain":
		return shape{"violet", "dashed"}
	default:
		return shape{"grey", "empty"}
	}
}

// ring is the length of the ring's circle in the drawing.
const ring = 37.7

// arc is a share of the ring, as stroke-dasharray takes it.
func arc(percent int64) string {
	return fmt.Sprintf("%.1f %.1f", ring*float64(min(max(percent, 4), 100))/100, ring)
}

// stateWord is a state in the reader's language.
func stateWord(ctx context.Context, word string) string { return T(ctx, "state."+word) }
