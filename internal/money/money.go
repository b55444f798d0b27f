// Package money holds amounts of the panel's one currency as whole millionths,
// and the few computations that orders need. Every rounding has a direction:
// a charge is rounded up, a refund down. No float touches an amount.
package money

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strings"
)

// Amount is a number of millionths of the currency: 1_000_000 is one unit.
type Amount int64

// Unit is one whole unit of the currency.
const Unit Amount = 1_000_000

// decimals is the number of digits behind the dot that an Amount can hold.
const decimals = 6

// perRate is the quantity that a rate is given for.
const perRate = 1000

// Max is the largest amount that input may name: large enough for any rate,
// small enough that sums of them stay far from the end of int64.
const Max Amount = 1_000_000_000 * Unit

// Errors of this package.
var (
	ErrMalformed = errors.New("not a decimal amount")
	ErrTooFine   = errors.New("more than six decimals")
	ErrOverflow  = errors.New("amount out of range")
)

// String formats with a dot, at least two and at most six decimals: "0.50",
// "0.27819". A negative amount has a leading minus sign.
func (a Amount) String() string {
	sign, u := "", uint64(a) //nolint:gosec // a negative amount is turned next
	if a < 0 {
		sign, u = "-", -u
	}
	frac := fmt.Sprintf("%06d", u%uint64(Unit))
	frac = frac[:2] + strings.TrimRight(frac[2:], "0")
	return fmt.Sprintf("%s%d.%s", sign, u/uint64(Unit), frac)
}

// Parse reads a plain decimal such as "12", "0.5" or "-3.25" exactly. It refuses
// exponents, grouping, signs other than a leading minus, more than six decimals
// (ErrTooFine) and amounts beyond Max (ErrOverflow).
func Parse(s string) (Amount, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, frac, dotted := strings.Cut(digits, ".")
	if whole == "" || (dotted && frac == "") || !allDigits(whole) || !allDigits(frac) {
		return 0, ErrMalformed
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > decimals {
		return 0, ErrTooFine
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 10 { // Max has ten digits
		return 0, ErrOverflow
	}
	var v int64
	for _, c := range whole + frac + strings.Repeat("0", decimals-len(frac)) {
		v = v*10 + int64(c-'0')
	}
	if Amount(v) > Max {
		return 0, ErrOverflow
	}
	if negative {
		v = -v
	}
	return Amount(v), nil
}

// ParseUp reads a decimal as another system may write it: exponents and any
// number of decimals are accepted, and what is finer than a millionth is rounded
// away from zero, so that a foreign price, or a debt, is never taken for less
// than it is.
func ParseUp(s string) (Amount, error) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		var ok bool
		if exponent, ok = smallExponent(s[i+1:]); !ok {
			return 0, ErrMalformed
		}
	}
	digits, negative := cutSign(mantissa)
	whole, frac, _ := strings.Cut(digits, ".")
	if whole+frac == "" || len(whole+frac) > 64 || !allDigits(whole) || !allDigits(frac) {
		return 0, ErrMalformed
	}
	n, _ := new(big.Int).SetString(whole+frac, 10)
	shift := int64(decimals + exponent - len(frac))
	ten := big.NewInt(10)
	if shift >= 0 {
		n.Mul(n, new(big.Int).Exp(ten, big.NewInt(shift), nil))
	} else {
		rest := new(big.Int)
		n.QuoRem(n, new(big.Int).Exp(ten, big.NewInt(-shift), nil), rest)
		if rest.Sign() != 0 {
			n.Add(n, big.NewInt(1))
		}
	}
	if !n.IsInt64() || Amount(n.Int64()) > Max {
		return 0, ErrOverflow
	}
	if negative {
		n.Neg(n)
	}
	return Amount(n.Int64()), nil
}

// smallExponent reads an exponent of at most two digits.
func smallExponent(s string) (int, bool) {
	digits, negative := cutSign(s)
	if digits == "" || len(digits) > 2 || !allDigits(digits) {
		return 0, false
	}
	v := 0
	for _, c := range digits {
		v = v*10 + int(c-'0')
	}
	if negative {
		v = -v
	}
	return v, true
}

// cutSign takes one leading sign off.
func cutSign(s string) (rest string, negative bool) {
	if rest, negative = strings.CutPrefix(s, "-"); negative {
		return rest, true
	}
	return strings.TrimPrefix(s, "+"), false
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Charge returns what quantity units cost at rate per 1,000, rounded up to a
// millionth: the operator never gives away a fraction. Neither may be negative.
func Charge(rate Amount, quantity int64) (Amount, error) {
	return mulDivUp(rate, quantity, perRate)
}

// Refund returns the share of charge that belongs to the remains of quantity,
// rounded down: the sum of refunds never exceeds the charge. Remains are taken
// as 0 … quantity.
func Refund(charge Amount, remains, quantity int64) Amount {
	if remains <= 0 || quantity <= 0 || charge <= 0 {
		return 0
	}
	if remains >= quantity {
		return charge
	}
	hi, lo := bits.Mul64(uint64(charge), uint64(remains))
	q, _ := bits.Div64(hi, lo, uint64(quantity)) // remains < quantity, so q < charge
	return Amount(q)                             //nolint:gosec // below charge
}

// Percent is a share in millionths of one percent: 20 % is 20_000_000.
type Percent int64

// ParsePercent reads "20", "20%" or "12.5 %".
func ParsePercent(s string) (Percent, error) {
	a, err := Parse(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%")))
	return Percent(a), err
}

// Markup returns a raised by p percent, rounded up to a millionth.
func Markup(a Amount, p Percent) (Amount, error) {
	const whole = 100 * int64(Unit)
	return mulDivUp(a, whole+int64(p), whole)
}

// Scale returns a × by ÷ of, rounded up to a millionth: an amount in another
// currency, or the share of a price that belongs to a cost.
func Scale(a Amount, by, of int64) (Amount, error) { return mulDivUp(a, by, of) }

// mulDivUp returns ceil(a*b/c) with 128 bits in between.
func mulDivUp(a Amount, b, c int64) (Amount, error) {
	if a < 0 || b < 0 || c <= 0 {
		return 0, ErrOverflow
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return 0, ErrOverflow
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	// Compared before one is added: the largest q would wrap to zero.
	if q > uint64(Max) || (q == uint64(Max) && rest > 0) {
		return 0, ErrOverflow
	}
	if rest > 0 {
		q++
	}
	return Amount(q), nil
}
