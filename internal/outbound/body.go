package outbound

import (
	"fmt"
	"io"
)

// ReadBody reads at most limit bytes, and reports whether there was more. What
// was read before an error comes with it. Reading stops there: closing the body
// ends the connection.
func ReadBody(r io.Reader, limit int64) (body []byte, truncated bool, err error) {
	body, err = io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(body)) > limit {
		return body[:limit], true, nil
	}
	if err != nil {
		return body, false, fmt.Errorf("read the answer: %w", err)
	}
	return body, false, nil
}
