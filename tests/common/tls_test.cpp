// The server under TLS, with certificates made here.
#include "common/tls.h"

#include <Poco/Exception.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cstdio>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "common/http_server.h"
#include "support/capture_log.h"
#include "support/raw_client.h"
#include "support/temp_dir.h"

namespace dormouse {
namespace {

using test::CaptureLog;
using test::RawClient;
using test::TempDir;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A self-signed certificate for `name`, valid for an hour, and its key.
void makeCertificate(const TempDir& dir, const char* name) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(cert.get(), subject);
  ASSERT_NE(0, X509_sign(cert.get(), key.get(), EVP_sha256()));
  const auto write = [&dir](const char* file, const auto& print) {
    std::FILE* const out = std::fopen((dir.path() / file).c_str(), "w");
    ASSERT_NE(nullptr, out);
    EXPECT_EQ(1, print(out));
    std::fclose(out);
  };
  write("tls.crt", [&](std::FILE* out) { return PEM_write_X509(out, cert.get()); });
  write("tls.key", [&](std::FILE* out) {
    return PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() { makeCertificate(dir_, "first"); }

  static HttpResponse echo(HttpRequest& request) {
    HttpResponse response;
    response.body = request.path + " " + request.body;
    return response;
  }

  void start(Nanos deadline = std::chrono::seconds(10), HttpHandler handler = echo) {
    HttpServerOptions options;
    options.listen = {*IpAddress::parse("127.0.0.1"), 0};
    options.requestDeadline = deadline;
    options.tls = [this] { return files_.context(); };
    server_ =
        std::make_unique<HttpServer>(std::move(options), std::move(handler), log_.log, watchdog_);
    server_->start();
  }

  /// Asks for a stream: `reader` has its head, and what is returned is the other end.
  std::unique_ptr<StreamSocket> openStream(std::unique_ptr<Poco::Net::SecureStreamSocket>& reader) {
    std::promise<std::unique_ptr<StreamSocket>> promise;
    start(std::chrono::seconds(10), [&promise](HttpRequest&) {
      HttpResponse response;
      response.takeSocket = [&promise](std::unique_ptr<StreamSocket> socket) {
        promise.set_value(std::move(socket));
      };
      return response;
    });
    reader = std::make_unique<Poco::Net::SecureStreamSocket>(connect());
    EXPECT_THAT(call(*reader, kGet), StartsWith("HTTP/1.1 200 "));
    return promise.get_future().get();
  }

  Poco::Net::SecureStreamSocket connect() const {
    const Poco::Net::Context::Ptr context(new Poco::Net::Context(
        Poco::Net::Context::TLS_CLIENT_USE, "", Poco::Net::Context::VERIFY_NONE));
    return Poco::Net::SecureStreamSocket(
        Poco::Net::SocketAddress("127.0.0.1", server_->boundPort()), context);
  }

  static std::string call(Poco::Net::SecureStreamSocket& socket, const std::string& request) {
    socket.setReceiveTimeout(Poco::Timespan(10, 0));
    socket.sendBytes(request.data(), static_cast<int>(request.size()));
    std::array<char, 4096> answer{};
    const int n = socket.receiveBytes(answer.data(), static_cast<int>(answer.size()));
    return n > 0 ? std::string(answer.data(), static_cast<std::size_t>(n)) : "";
  }

  static constexpr const char* kGet = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  TempDir dir_;
  CaptureLog log_;
  TlsFiles files_{dir_.string() + "/tls.crt", dir_.string() + "/tls.key", log_.log};
  Watchdog watchdog_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(TlsTest, ServesRequestAfterRequestOnOneConnection) {
  start();
  auto socket = connect();
  EXPECT_THAT(call(socket, kGet), HasSubstr("/hello \n"));
  EXPECT_THAT(call(socket, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"),
              HasSubstr("/p ok\n"));
}

TEST_F(TlsTest, AHandshakeThatStopsIsEndedAtTheDeadline) {
  start(std::chrono::milliseconds(200));
  RawClient client(server_->boundPort());
  client.send(std::string("\x16\x03\x01\x02", 4));
  EXPECT_TRUE(client.closedByPeer());
}

TEST_F(TlsTest, PlainHttpIsNotAnswered) {
  start();
  RawClient client(server_->boundPort());
  client.send(kGet);
  EXPECT_TRUE(client.closedByPeer());
  auto socket = connect();
  EXPECT_THAT(call(socket, kGet), StartsWith("HTTP/1.1 200 "));
}

TEST_F(TlsTest, RefusesVersionsBefore12) {
  start();
  Poco::Net::Context::Ptr context(new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "",
                                                         Poco::Net::Context::VERIFY_NONE));
  context->disableProtocols(Poco::Net::Context::PROTO_TLSV1_2 | Poco::Net::Context::PROTO_TLSV1_3);
  EXPECT_THROW(
      {
        Poco::Net::SecureStreamSocket socket(
            Poco::Net::SocketAddress("127.0.0.1", server_->boundPort()), context);
        if (call(socket, kGet).empty()) throw Poco::IOException("no answer");
      },
      Poco::Exception);
}

TEST_F(TlsTest, ARenewedCertificateIsServedToTheNextConnection) {
  start();
  auto before = connect();
  call(before, kGet);
  EXPECT_EQ("first", before.peerCertificate().commonName());
  makeCertificate(dir_, "second");
  auto after = connect();
  call(after, kGet);
  EXPECT_EQ("second", after.peerCertificate().commonName());
  EXPECT_THAT(call(before, kGet), StartsWith("HTTP/1.1 200 ")) << "the old connection goes on";
}

TEST_F(TlsTest, ABrokenRenewalKeepsTheFormerCertificate) {
  start();
  auto before = connect();
  call(before, kGet);
  dir_.write("tls.crt", "half a certificate");
  auto after = connect();
  call(after, kGet);
  EXPECT_EQ("first", after.peerCertificate().commonName());
  EXPECT_THAT(log_.linesWith("cannot be used"), SizeIs(1));
}

TEST_F(TlsTest, FilesThatNeverWereGoodAreASentence) {
  TlsFiles none("/nonexistent.crt", "/nonexistent.key", log_.log);
  try {
    none.context();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nonexistent.crt"));
  }
}

TEST_F(TlsTest, AStreamNeitherBlocksNorLosesAnythingWhileItsReaderStalls) {
  std::unique_ptr<Poco::Net::SecureStreamSocket> reader;
  const auto stream = openStream(reader);
  std::vector<std::uint8_t> sent(16 << 20);  // More than both sockets' buffers hold.
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::uint8_t>(i * i >> 8U);
  std::span<const std::uint8_t> left(sent);
  std::size_t written = 0;

  const auto began = std::chrono::steady_clock::now();
  while (stream->write(left, written) == StreamSocket::Result::kWritten) {
    left = left.subspan(written);
  }
  ASSERT_FALSE(left.empty());
  // The same bytes come again, as often as anybody likes; the reader's silence is no end.
  EXPECT_EQ(StreamSocket::Result::kWouldBlock, stream->write(left, written));
  EXPECT_FALSE(stream->peerGone());
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));

  std::vector<std::uint8_t> received;
  std::thread reading([&] {
    std::array<std::uint8_t, 65536> chunk{};
    int n = 0;
    while ((n = reader->receiveBytes(chunk.data(), static_cast<int>(chunk.size()))) > 0) {
      received.insert(received.end(), chunk.begin(), chunk.begin() + n);
    }
  });
  bool gone = false;
  while (!left.empty() && !gone) {
    pollfd entry{stream->fd(), POLLOUT, 0};
    if (::poll(&entry, 1, 10'000) != 1) break;
    gone = stream->write(left, written) == StreamSocket::Result::kGone;
    left = left.subspan(written);
  }
  stream->close();
  reading.join();
  EXPECT_FALSE(gone);
  EXPECT_TRUE(received == sent) << received.size() << " of " << sent.size() << " bytes";
}

TEST_F(TlsTest, AStreamKnowsThatItsReaderHasLeft) {
  std::unique_ptr<Poco::Net::SecureStreamSocket> reader;
  const auto stream = openStream(reader);
  EXPECT_FALSE(stream->peerGone());
  reader->close();
  pollfd entry{stream->fd(), POLLIN, 0};
  ASSERT_EQ(1, ::poll(&entry, 1, 10'000));
  EXPECT_TRUE(stream->peerGone());
}

TEST_F(TlsTest, DoesNotWaitForAHandshakeThatHangsWhenItStops) {
  start(std::chrono::hours(1));
  RawClient client(server_->boundPort());
  client.send(std::string("\x16\x03\x01\x02", 4));
  const auto began = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

}  // namespace
}  // namespace dormouse
