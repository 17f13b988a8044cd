#!/usr/bin/env bash
# Makes the certificates of the TLS tests. They are valid until the year 9999, except for those made to be invalid.
# So run this script only to change them. The keys protect nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
always=(19700101000000Z 99991231235959Z)

key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

# sign AUTHORITY NAME SUBJECT-ALTERNATIVE-NAMES START END [EXTENSIONS]: makes a certificate. It is for server.key,
# except for the certificate of the authority itself.
sign() {
    : >"$work/index.txt"
    cat >"$work/ca.cnf" <<END
[ca]
default_ca = it
[it]
database = $work/index.txt
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:false
subjectAltName = $3
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
END
    local as=(-cert "$work/$1.pem" -keyfile "$work/$1.key" -extensions server)
    local of=server.key
    if [[ $1 == "$2" ]]; then
        as=(-selfsign -keyfile "$work/$1.key" -extensions "${6:-server}")
        of=$work/$1.key
    fi
    openssl req -new -key "$of" -subj "/CN=weave-gate test $2" -out "$work/request.pem"
    openssl ca -batch -notext -config "$work/ca.cnf" "${as[@]}" -in "$work/request.pem" \
        -startdate "$4" -enddate "$5" -out "$work/$2.pem" 2>"$work/log" || { cat "$work/log" && exit 1; }
}

here="IP:127.0.0.1, DNS:weave.test"
key server.key
key thief.key
for authority in authority stranger; do
    key "$work/$authority.key"
    sign "$authority" "$authority" "$here" "${always[@]}" authority
done
sign authority good "$here" "${always[@]}"
sign authority other-host "DNS:other.test" "${always[@]}"
sign authority expired "$here" 19700101000000Z 20010101000000Z
sign authority early "$here" 99980101000000Z 99991231235959Z
sign stranger unknown-authority "$here" "${always[@]}"
cp server.key "$work/self-signed.key"
sign self-signed self-signed "$here" "${always[@]}"
for name in authority good other-host expired early unknown-authority self-signed; do
    cp "$work/$name.pem" .
done
