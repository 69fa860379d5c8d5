package main

// closed is what keeps a server of production closed: its settings, who is believed about what was asked, other sites'
// pages, and that no secret is told.
var closed = []mutant{
	{
		name: "production starts with AUTH=off", file: "internal/config/environments.go",
		old: "	if c.Auth {\n", new: "	if true {\n",
		pkg: config, tests: "TestProduction",
	}, {
		name: "production has the default password of the database", file: "internal/config/environments.go",
		old: "	if password != c.defaultPassword() && ", new: "	if password != \"\" && ",
		pkg: config, tests: "TestProduction_refuses",
	}, {
		name: "production sells for simulated money", file: "internal/config/environments.go",
		old: "	if c.PaymentGateway != Simulator || c.AllowSimulatedPayments {\n", new: "	if true {\n",
		pkg: config, tests: "TestProduction",
	}, {
		name: "production needs no TLS in front", file: "internal/config/environments.go",
		old: "	if len(c.TrustedProxies) > 0 || isLoopback(c.Host) {\n", new: "	if true {\n",
		pkg: config, tests: "TestProduction",
	}, {
		name: "production does without keys by default", file: "internal/config/options.go",
		old: "	if production && o.Production != \"\" {\n", new: "	if false {\n",
		pkg: config, tests: "TestRightValues|TestEnvFile",
	}, {
		name: "development listens for everybody", file: "internal/config/modes.go",
		old: "	if c.Host == \"\" && c.Environment != Production {\n", new: "	if false {\n",
		pkg: config, tests: "TestLoadDefaults",
	}, {
		name: "the second of two settings of a file counts", file: "internal/config/envfile.go",
		old: "; known {\n", new: "; known && false {\n",
		pkg: config, tests: "TestEnvFile",
	}, {
		name: "a file's secrets may be read by all", file: "internal/config/envfile.go",
		old: "	if !f.shared {\n", new: "	if true {\n",
		pkg: config, tests: "TestEnvFile",
	}, {
		name: "a broken line of a file is repeated", file: "internal/config/envfile.go",
		old: "	if !isPair || !isName(name) {\n", new: "	if !isPair {\n",
		pkg: config, tests: "TestEnvFile",
	}, {
		name: "anybody is believed about the host", file: "internal/handlers/proxies.go",
		old: "	if len(host)+len(proto) == 0 || !p.trust(r.RemoteAddr) {\n", new: "	if len(host)+len(proto) == 0 {\n",
		pkg: handlers, tests: "TestCrossOrigin_behind",
	}, {
		name: "the first host that was told counts", file: "internal/handlers/proxies.go",
		old: "list[strings.LastIndexByte(list, ',')+1:]", new: "strings.Split(list, \",\")[0]",
		pkg: handlers, tests: "TestCrossOrigin_behind",
	}, {
		name: "a page that was read without TLS may change something", file: "internal/handlers/cors.go",
		old: "	if r.URL.Scheme != \"https\" || ", new: "	if true || ",
		pkg: handlers, tests: "TestCrossOrigin_behind",
	}, {
		name: "every other site may use the API", file: "internal/handlers/cors.go",
		old: "		return o[sent[0]]\n", new: "		return sent\n",
		pkg: handlers, tests: "TestCORS",
	}, {
		name: "caches need not know that answers differ by origin", file: "internal/handlers/cors.go",
		old: "	header[\"Vary\"] = varyOrigin\n", new: "",
		pkg: handlers, tests: "TestCORS",
	}, {
		name: "browsers may come without TLS again", file: "internal/handlers/middleware.go",
		old: "		header[\"Strict-Transport-Security\"] = tlsForAYear\n", new: "",
		pkg: handlers, tests: "TestSecurity_headers",
	}, {
		name: "a problem repeats a key", file: "internal/handlers/secrets.go",
		old: "	if !bytes.Contains(b[from:], []byte(\"qx_\")) &&", new: "	if from >= 0 || !bytes.Contains(b[from:], []byte(\"qx_\")) &&",
		pkg: handlers, tests: "TestHideKeys",
	}, {
		name: "a key is a request's id", file: "internal/handlers/middleware.go",
		old: " || hasKey(id) {\n", new: " {\n",
		pkg: handlers, tests: "TestSecrets_of_clients",
	}, {
		name: "a problem repeats how somebody pays", file: "internal/handlers/problems.go",
		old: "			places[i].Value = nil // it pays\n", new: "",
		pkg: handlers, tests: "TestSecrets_of_clients",
	}, {
		name: "a secret is hidden as it stands alone", file: "internal/logging/hide.go",
		old: "secret, string(quoted[1 : len(quoted)-1]),\n", new: "secret,\n",
		pkg: logging, tests: "TestHide",
	},
}
