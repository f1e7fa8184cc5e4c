// The REST client against a real server on the loopback.
#include "injector/kube/rest_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "common/http_server.h"
#include "common/problem.h"
#include "common/watchdog.h"
#include "injector/certificates/certificate.h"
#include "injector/certificates/server_certificate.h"
#include "tests/support/capture_log.h"
#include "tests/support/temp_dir.h"

namespace dormouse::injector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class RestClientTest : public ::testing::Test {
 protected:
  RestClientTest() {
    const WallTime now = SystemClock().wallNow();
    const Validity validity{now - std::chrono::hours(1), now + std::chrono::hours(1)};
    authority_ = makeAuthority("test", validity);
    certificate_.set(issueLeaf(authority_, {"localhost"}, validity));
    write(file("ca.crt"), authority_.certificate);
    write(file("token"), "first\n");
    HttpServerOptions options;
    options.listen = {*IpAddress::parse("127.0.0.1"), 0};
    options.tls = [this] { return certificate_.context(); };
    server_ = std::make_unique<HttpServer>(
        options, [this](const HttpRequest& request) { return serve(request); }, log_.log,
        watchdog_);
    server_->start();
  }
  ~RestClientTest() override { server_->stop(); }

  std::string file(const std::string& name) const { return directory_.string() + "/" + name; }

  HttpResponse serve(const HttpRequest& request) {
    ++requests_;
    if (onRequest) onRequest();
    if (request.header("Authorization") != "Bearer " + expected) {
      throw Problem(401, "Unauthorized");
    }
    if (request.path == "/fault") {
      HttpResponse response;
      response.status = 403;
      response.body = R"({"kind":"Status","message":"secrets \"ca\" is forbidden"})";
      return response;
    }
    HttpResponse response;
    response.body = request.method + " " + request.header("Content-Type") + " " + request.body;
    return response;
  }

  RestClient client(const std::string& host = "localhost", const std::string& ca = "ca.crt") {
    RestClientOptions options;
    options.url = "https://" + host + ":" + std::to_string(server_->boundPort());
    options.caFile = file(ca);
    options.tokenFile = file("token");
    options.timeout = std::chrono::seconds(10);
    return RestClient(options);
  }

  test::TempDir directory_;
  test::CaptureLog log_;
  Watchdog watchdog_;
  CertificateAndKey authority_;
  ServerCertificate certificate_;
  std::unique_ptr<HttpServer> server_;
  std::string expected = "first";
  std::function<void()> onRequest;
  std::atomic<int> requests_{0};
};

TEST_F(RestClientTest, SendsMethodBodyAndToken) {
  EXPECT_EQ(client().call({"PUT", "/x", "{}", "application/json"}), "PUT application/json {}\n");
}

TEST_F(RestClientTest, ReadsARotatedTokenAgain) {
  RestClient api = client();
  api.call({"GET", "/x", "", ""});
  expected = "second";
  write(file("token"), "second");
  EXPECT_NO_THROW(api.call({"GET", "/x", "", ""}));
  // Rotated between reading and use: the refusal is followed by one more try.
  expected = "third";
  onRequest = [this] { write(file("token"), "third"); };
  EXPECT_NO_THROW(api.call({"GET", "/x", "", ""}));
  EXPECT_EQ(requests_, 4);
}

TEST_F(RestClientTest, AWrongTokenIsTriedTwiceAndNeverPrinted) {
  write(file("token"), "wrong-token");
  try {
    client().call({"GET", "/x", "", ""});
    FAIL();
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 401);
    EXPECT_THAT(error.what(), Not(HasSubstr("wrong-token")));
  }
  EXPECT_EQ(requests_, 2);
}

TEST_F(RestClientTest, TellsTheServersReason) {
  try {
    client().call({"GET", "/fault?limit=5", "", ""});
    FAIL();
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 403);
    EXPECT_STREQ(error.what(), "GET /fault was answered 403: secrets \"ca\" is forbidden");
  }
}

TEST_F(RestClientTest, TrustsItsCaAndNameAlone) {
  write(file("other.crt"), makeAuthority("test", {SystemClock().wallNow() - std::chrono::hours(1),
                                                  SystemClock().wallNow() + std::chrono::hours(1)})
                               .certificate);
  EXPECT_THROW(client("localhost", "other.crt").call({"GET", "/x", "", ""}), ApiError);
  EXPECT_THROW(client("localhost", "absent.crt").call({"GET", "/x", "", ""}), ApiError);
  // The certificate is for another name than this.
  EXPECT_THROW(client("127.0.0.1").call({"GET", "/x", "", ""}), ApiError);
  EXPECT_EQ(requests_, 0);
}

TEST_F(RestClientTest, DoesNotWaitForever) {
  // A server that takes the connection and says nothing.
  Poco::Net::ServerSocket silent(Poco::Net::SocketAddress("127.0.0.1", 0));
  RestClientOptions options;
  options.url = "http://127.0.0.1:" + std::to_string(silent.address().port());
  options.timeout = std::chrono::milliseconds(50);
  RestClient api(options);
  try {
    api.call({"GET", "/x", "", ""});
    FAIL();
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 0);
  }
}

TEST_F(RestClientTest, WithoutATokenFileThereIsNoCall) {
  write(file("token"), "");
  EXPECT_THROW(client().call({"GET", "/x", "", ""}), ApiError);
  EXPECT_EQ(requests_, 0);
}

TEST(RestClientUrl, IsChecked) {
  for (const char* url : {"", "localhost", "ftp://x", "https://", "::"}) {
    EXPECT_THROW(RestClient({url, "", "", {}}), std::invalid_argument) << url;
  }
}

}  // namespace
}  // namespace dormouse::injector
