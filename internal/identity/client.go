package identity

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Bounds of what an issuer may answer.
const (
	issuerTimeout = 5 * time.Second
	maxDocument   = 1 << 20 // bytes
	maxRedirects  = 3
)

// newIssuerClient makes the client by which an issuer is asked. It may lie on a private address, as many do.
func newIssuerClient() *http.Client {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: issuerTimeout,
		IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, MaxConnsPerHost: 2,
	}
	return &http.Client{
		Timeout: issuerTimeout, Transport: bounded{transport},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || request.URL.Host != via[0].URL.Host {
				return errors.New("the issuer redirects elsewhere, or too often")
			}
			return nil
		},
	}
}

// bounded is a transport of short answers over lines that nobody else can write to.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	if !IsSafe(request.URL) {
		return nil, fmt.Errorf("%s is neither https nor on loopback", request.URL.Redacted())
	}
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxDocument)
	}
	return response, err
}

// IsSafe reports whether an issuer may be asked there: by https, or by http on this machine.
func IsSafe(address *url.URL) bool {
	host := address.Hostname()
	return address.Scheme == "https" && host != "" ||
		address.Scheme == "http" && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
