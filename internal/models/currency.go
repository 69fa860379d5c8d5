package models

import (
	"fmt"
	"strings"
)

// Currency is an ISO 4217 code, such as "USD".
type Currency string

// The active codes of ISO 4217 (list one) by their number of decimals. Funds codes, metals and units of
// account are left out, and with them every code of four decimals: nobody sells tickets in them.
const (
	zeroDecimals  = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	twoDecimals   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
	threeDecimals = "BHD IQD JOD KWD LYD OMR TND"
)

var currencyDecimals = func() map[Currency]int {
	table := make(map[Currency]int)
	for decimals, codes := range []string{0: zeroDecimals, 2: twoDecimals, 3: threeDecimals} {
		for code := range strings.FieldsSeq(codes) {
			table[Currency(code)] = decimals
		}
	}
	return table
}()

// ParseCurrency accepts an ISO 4217 code in capitals.
func ParseCurrency(code string) (Currency, error) {
	if _, known := currencyDecimals[Currency(code)]; !known {
		return "", fmt.Errorf("%q is not an ISO 4217 currency code such as USD", Clip(code, 10))
	}
	return Currency(code), nil
}

// Decimals is how many decimals the currency's minor unit has: 2 for USD, 0 for JPY, 3 for KWD.
func (c Currency) Decimals() int {
	if decimals, known := currencyDecimals[c]; known {
		return decimals
	}
	return 2
}
