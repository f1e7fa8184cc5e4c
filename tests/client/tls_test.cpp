// kubectl-mirror and a sidecar that speaks TLS.
#include <Poco/Net/Context.h>
#include <Poco/Net/SSLManager.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/client/fake_sidecar.h"
#include "tests/client/local_program.h"
#include "tests/client/process.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

// A certificate for 127.0.0.1, signed by itself, and its key.
struct Certificate {
  Certificate() {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
        "-keyout " +
        key + " -out " + file + " 2>/dev/null";
    made = std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe,cert-env33-c)
  }
  Poco::Net::Context::Ptr context() const {
    Poco::Net::initializeSSL();
    return new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, key, file, "",
                                  Poco::Net::Context::VERIFY_NONE, 9, false);
  }
  const std::string key = testing::TempDir() + "tls_test_key.pem";
  const std::string file = testing::TempDir() + "tls_test_certificate.pem";
  bool made = false;
};

TEST(Tls, VerifiesTheSidecarAndReadsEveryRecord) {
  const Certificate certificate;
  ASSERT_TRUE(certificate.made);
  const std::string bytes(3 << 20, 't');  // Many TLS records.
  FakeSidecar sidecar(certificate.context());
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send(Stream().open(1).data(1, bytes).close(1).ledger(deliveredLedger(1)).text(), 30'000);
  });
  LocalProgram program;
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program), "--ca-file", certificate.file}));
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  const auto received = program.await(1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_TRUE(received[0].bytes == bytes) << received[0].bytes.size();

  Process distrustful(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
  EXPECT_EQ(distrustful.wait(), 3) << distrustful.out();
  Process careless(MIRROR_BINARY, words(sidecar, {pairTo(program), "--insecure-skip-tls-verify"}));
  EXPECT_EQ(careless.wait(), 0) << careless.out() << careless.err();
}

}  // namespace
}  // namespace dormouse::client
