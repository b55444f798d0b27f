package money

import (
	"math/big"
	"strings"
)

// Exchange is what one unit of another currency is worth in the panel's, in
// billionths.
type Exchange int64

// Par is the exchange rate of a currency with itself.
const Par Exchange = 1_000_000_000

const (
	exchangeDecimals = 9
	// maxExchange is the highest rate that input may name, in billionths.
	maxExchange = 1_000_000 * Par
)

// ParseExchange reads a plain decimal above zero with at most nine decimals,
// such as 1.0842. Its errors are Parse's.
func ParseExchange(s string) (Exchange, error) {
	whole, frac, dotted := strings.Cut(s, ".")
	if whole == "" || (dotted && frac == "") || !allDigits(whole) || !allDigits(frac) {
		return 0, ErrMalformed
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > exchangeDecimals {
		return 0, ErrTooFine
	}
	n, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", exchangeDecimals-len(frac)), 10)
	if !ok || !n.IsInt64() || n.Int64() > int64(maxExchange) || n.Sign() == 0 {
		return 0, ErrOverflow
	}
	return Exchange(n.Int64()), nil
}

// String formats without needless zeros: "1.0842", "110".
func (e Exchange) String() string {
	whole, rest := new(big.Int).QuoRem(big.NewInt(int64(e)), big.NewInt(int64(Par)), new(big.Int))
	digits := rest.String()
	frac := strings.TrimRight(strings.Repeat("0", exchangeDecimals-len(digits))+digits, "0")
	if frac == "" {
		return whole.String()
	}
	return whole.String() + "." + frac
}

// Cost returns a foreign cost in the panel's currency, rounded up to a millionth:
// a cost is never taken for less than it is. Neither may be negative.
func (e Exchange) Cost(foreign Amount) (Amount, error) {
	return mulDivUp(foreign, int64(e), int64(Par))
}

// PerThousand returns the cost per 1,000 of a package that costs price for
// quantity units, rounded up to a millionth: a charge of quantity at it is never
// below price.
func PerThousand(price Amount, quantity int64) (Amount, error) {
	return mulDivUp(price, perRate, quantity)
}
