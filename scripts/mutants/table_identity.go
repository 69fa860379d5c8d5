package main

const (
	identityPkg = "./internal/identity/"

	keysFile    = "internal/identity/keys.go"
	gateFile    = "internal/identity/gate.go"
	holdersFile = "internal/identity/holders.go"
	cacheFile   = "internal/identity/cache.go"
	tokensFile  = "internal/identity/tokens.go"
	claimsFile  = "internal/identity/claims.go"
	peopleFile  = "internal/identity/people.go"
	issuerFile  = "internal/identity/issuer.go"
)

// identities is what keeps out whoever has not shown who they are.
var identities = []mutant{
	// What is a key.
	{
		name: "a key's checksum is not looked at", file: keysFile,
		old: "binary.BigEndian.Uint32(key[secretBytes:]) != checksum(key[:secretBytes])", new: "false",
		pkg: identityPkg, tests: "TestHashKey_refuses",
	}, {
		name: "a key has several spellings", file: keysFile,
		old: "return bits&(1<<spareBits-1) == 0", new: "return true",
		pkg: identityPkg, tests: "TestHashKey_refuses",
	}, {
		name: "a hash is compared by its beginning (PostgreSQL)", file: "internal/repository/postgres/keys.go",
		old: "FROM api_keys WHERE hash = $1`", new: "FROM api_keys WHERE substr(hash, 1, 16) = substr($1, 1, 16)`",
		pkg: identityPkg, tests: "TestKeys_of_both_stores",
	}, {
		name: "a hash is compared by its beginning (SQLite)", file: "internal/repository/sqlite/keys.go",
		old: "FROM api_keys WHERE hash = ?`", new: "FROM api_keys WHERE substr(hash, 1, 16) = substr(?, 1, 16)`",
		pkg: identityPkg, tests: "TestKeys_of_both_stores",
	}, {
		name: "of two Authorization headers one counts", file: gateFile,
		old: "case len(sent) > 1:", new: "case len(sent) > 2:",
		pkg: identityPkg, tests: "TestIdentify_refuses",
	}, {
		name: "a credential has no bound", file: gateFile,
		old: "len(header) > maxCredential", new: "false",
		pkg: identityPkg, tests: "TestIdentify_refuses",
	}, {
		name: "any scheme is a bearer's", file: gateFile,
		old: "!strings.EqualFold(header[:len(scheme)], scheme)", new: "false",
		pkg: identityPkg, tests: "TestIdentify_refuses",
	}, {
		name: "a panic of a library's ends the program", file: gateFile,
		old: "p := recover(); p != nil", new: "p := any(nil); p != nil",
		pkg: identityPkg, tests: "TestKeys_that_are_not_known",
	},

	// For how long it counts.
	{
		name: "keys do not expire", file: holdersFile,
		old: "case now >= h.expires:", new: "case false:",
		pkg: identityPkg, tests: "TestKeys_expire",
	}, {
		name: "keys expire by the clock of whoever looks", file: holdersFile,
		old: "key.ExpiresAt.Sub(storeNow)", new: "time.Until(key.ExpiresAt)",
		pkg: identityPkg, tests: "TestKeys_expire",
	}, {
		name: "a key that is revoked counts", file: holdersFile,
		old: "if !key.RevokedAt.IsZero() {", new: "if false {",
		pkg: identityPkg, tests: "TestKeys_that_are_revoked",
	}, {
		name: "what is remembered outlives a revocation", file: holdersFile,
		old: "		g.keys.drop()\n", new: "",
		pkg: identityPkg, tests: "TestKeys_that_are_revoked",
	}, {
		name: "what is remembered is trusted though nobody tells of revocations", file: holdersFile,
		old: "time.Duration(g.asked.Load()) > maxStale {", new: "time.Duration(g.asked.Load()) > 100*maxStale {",
		pkg: identityPkg, tests: "TestKeys_are_refused_when",
	}, {
		name: "a look-up from before a revocation is remembered after it", file: cacheFile,
		old: "	if q.age == c.age {\n		delete", new: "	if true {\n		delete",
		pkg: identityPkg, tests: "TestKeys_that_are_revoked_while",
	}, {
		name: "whoever waits for a look-up takes what was true before a revocation", file: cacheFile,
		old: "current := q.age == c.age", new: "current := true",
		pkg: identityPkg, tests: "TestKeys_that_are_revoked_while",
	}, {
		name: "a stream outlives the key that was shown for it", file: "internal/identity/holds.go",
		old: "			h.cancel(err)\n", new: "",
		pkg: identityPkg, tests: "TestHold_ends",
	}, {
		name: "a stream ends when nobody can say whose it is", file: "internal/identity/holds.go",
		old: "models.ErrUnauthorized.Is(err)", new: "err != nil || models.ErrUnauthorized.Is(err)",
		pkg: identityPkg, tests: "TestHold_ends",
	},

	// What it costs.
	{
		name: "a guess is a query, however often", file: holdersFile,
		old: "is && now < until", new: "is && now < until-strangeFor",
		pkg: identityPkg, tests: "TestKeys_that_are_guessed",
	}, {
		name: "any number of guesses are open", file: cacheFile,
		old: "q == nil && c.open < maxAsked", new: "q == nil",
		pkg: identityPkg, tests: "TestKeys_that_are_guessed",
	}, {
		name: "any number of guesses are asked at once", file: cacheFile,
		old: "make(chan struct{}, asksAtOnce)", new: "make(chan struct{}, maxAsked)",
		pkg: identityPkg, tests: "TestKeys_that_are_guessed",
	}, {
		name: "everybody asks for a key alone", file: cacheFile,
		old: "		c.asked[key] = q\n", new: "",
		pkg: identityPkg, tests: "TestKeys_are_looked_up_once",
	}, {
		name: "what is remembered has no bound", file: cacheFile,
		old: "!known && len(c.known) >= maxKnown", new: "false && known",
		pkg: identityPkg, tests: "TestCache_is_bounded",
	}, {
		name: "when keys were used is lost at the end", file: gateFile,
		old: "	g.noteUses(context.WithoutCancel(ctx))\n", new: "",
		pkg: identityPkg, tests: "TestRun_notes_uses",
	}, {
		name: "a use that could not be written is forgotten", file: "internal/identity/uses.go",
		old: "slog.Any(\"error\", err))\n		return\n", new: "slog.Any(\"error\", err))\n",
		pkg: identityPkg, tests: "TestUses_are_noted",
	},

	// What a token must have.
	{
		name: "nobody looks who has signed a token", file: tokensFile,
		old: "payload, err := token.Verify(key.Key); err == nil", new: "payload := token.UnsafePayloadWithoutVerification(); payload != nil",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "tokens of any algorithm are taken", file: tokensFile,
		old: "{jose.RS256, jose.ES256, jose.PS256, jose.EdDSA}", new: "{jose.RS256, jose.ES256, jose.PS256, jose.EdDSA, jose.RS512, jose.ES512}",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a key signs by other algorithms than its own", file: tokensFile,
		old: "if key.Algorithm != \"\" && key.Algorithm != header.Algorithm {", new: "if false {",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a token for anyone counts here", file: tokensFile,
		old: "ClientID: t.options.Audience, ", new: "SkipClientIDCheck: true, ",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a token in another issuer's name counts", file: tokensFile,
		old: "ClientID: t.options.Audience, ", new: "ClientID: t.options.Audience, SkipIssuerCheck: true, ",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a token that is remembered does not expire", file: tokensFile,
		old: "known && t.gate.now() < c.expires", new: "known",
		pkg: identityPkg, tests: "TestTokens_expire",
	}, {
		name: "a token counts before its time", file: claimsFile,
		old: "seconds > float64(now.Add(leeway).Unix())", new: "false",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a token of nobody counts", file: claimsFile,
		old: "subject == \"\" || ", new: "",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a subject may have any text", file: claimsFile,
		old: " || cleaned(subject, maxSubject) != subject", new: "",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "what a token's header has as critical is passed over", file: tokensFile,
		old: "header.ExtraHeaders[\"crit\"]; critical {", new: "header.ExtraHeaders[\"crit\"]; critical && false {",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a token of any kind is an access token", file: tokensFile,
		old: "name != \"jwt\" && name != \"at+jwt\"", new: "false",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	}, {
		name: "a token has several spellings", file: tokensFile,
		old: "base64.RawURLEncoding.Strict()", new: "base64.RawURLEncoding",
		pkg: identityPkg, tests: "TestTokens_that_are_bad",
	},

	// What it gives.
	{
		name: "the weakest of a token's roles counts", file: claimsFile,
		old: "{models.RoleAdmin, models.RoleOrganizer, models.RoleBoxOffice, models.RoleDoor}",
		new: "{models.RoleDoor, models.RoleBoxOffice, models.RoleOrganizer, models.RoleAdmin}",
		pkg: identityPkg, tests: "TestTokens_tell",
	}, {
		name: "an organizer's admin is the installation's", file: claimsFile,
		old: "name != string(role) || limited && role == models.RoleAdmin", new: "name != string(role)",
		pkg: identityPkg, tests: "TestTokens_tell",
	}, {
		name: "a role is of the default organizer, whatever it says", file: claimsFile,
		old: "case !limited:", new: "case true:",
		pkg: identityPkg, tests: "TestTokens_tell",
	}, {
		name: "an address counts that the issuer does not vouch for", file: claimsFile,
		old: "if string(all[\"email_verified\"]) == \"true\" {", new: "if true {",
		pkg: identityPkg, tests: "TestCustomers_are_bound",
	}, {
		name: "an address is verified by any word", file: claimsFile,
		old: "if string(all[\"email_verified\"]) == \"true\" {", new: "if verified := string(all[\"email_verified\"]); verified != \"\" && verified != \"false\" {",
		pkg: identityPkg, tests: "TestCustomers_are_bound",
	}, {
		name: "whoever has another's address has no way in", file: peopleFile,
		old: "if errors.Is(err, models.ErrEmailTaken) {", new: "if false {",
		pkg: identityPkg, tests: "TestCustomers_whose_address",
	}, {
		name: "a subject is introduced by an address that is none", file: peopleFile,
		old: "		who.Email = \"\"\n	}\n	user, err := models", new: "	}\n	user, err := models",
		pkg: identityPkg, tests: "TestCustomers_are_introduced",
	}, {
		name: "an erased row is still somebody's", file: holdersFile,
		old: "			g.tokens.people.drop()\n", new: "",
		pkg: identityPkg, tests: "TestCustomers_whose_row_was_erased",
	},

	// The issuer.
	{
		name: "the issuer is asked for each token with an unknown key", file: issuerFile,
		old: "i.gate.now()-r.begun < askIssuerEvery", new: "false",
		pkg: identityPkg, tests: "TestIssuer_is_asked_once",
	}, {
		name: "a token counts as wrong while its issuer is away", file: issuerFile,
		old: "return nil, models.ErrIdentityUnavailable.With(err)", new: "return nil, models.ErrUnauthorized.With(err)",
		pkg: identityPkg, tests: "TestIssuer_that_is_away",
	}, {
		name: "tokens outlive the key that has signed them", file: issuerFile,
		old: "			i.changed()\n", new: "",
		pkg: identityPkg, tests: "TestIssuer_that_rotates",
	}, {
		name: "any key of an issuer's can be used", file: issuerFile,
		old: "public.N.BitLen() >= minRSA", new: "public.N.BitLen() > 0",
		pkg: identityPkg, tests: "TestIssuer_that_answers_badly",
	}, {
		name: "a key for encryption verifies signatures", file: issuerFile,
		old: " || key.Use != \"\" && key.Use != \"sig\"", new: "",
		pkg: identityPkg, tests: "TestIssuers_keys",
	}, {
		name: "an issuer may send us elsewhere", file: "internal/identity/client.go",
		old: "len(via) > maxRedirects || request.URL.Host != via[0].URL.Host", new: "len(via) > maxRedirects",
		pkg: identityPkg, tests: "TestIssuer_that_answers_badly",
	}, {
		name: "an issuer is asked over an open line", file: "internal/identity/client.go",
		old: "if !IsSafe(request.URL) {", new: "if false {",
		pkg: identityPkg, tests: "TestIssuer_is_not_asked",
	}, {
		name: "an issuer's answer has no bound", file: "internal/identity/client.go",
		old: "		response.Body = http.MaxBytesReader(nil, response.Body, maxDocument)\n", new: "",
		pkg: identityPkg, tests: "TestIssuer_that_answers_badly",
	},

	// Around it.
	{
		name: "an issuer may be set without an audience", file: "internal/config/environments.go",
		old: "case o.Issuer != \"\" && o.Audience == \"\":", new: "case false:",
		pkg: "./internal/config/", tests: "TestTokens_must",
	}, {
		name: "an issuer may be asked by http anywhere", file: "internal/config/values.go",
		old: "u.Scheme == \"http\" && u.Hostname() != \"localhost\"", new: "false",
		pkg: "./internal/config/", tests: "TestAWrongValue",
	}, {
		name: "each start of an installation makes one more key", file: "internal/cli/keys.go",
		old: "	if *f.ifNone {\n", new: "	if false {\n",
		pkg: "./internal/cli/", tests: "TestKeys_of_the_first",
	}, {
		name: "doctor shows keys that stand in wrong places", file: "internal/cli/doctor_identity.go",
		old: "keyText.ReplaceAllLiteralString(text, \"(a Quantix key)\")", new: "text",
		pkg: "./internal/cli/", tests: "TestDoctor_hides",
	},
}
