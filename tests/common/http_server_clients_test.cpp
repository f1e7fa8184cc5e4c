// Clients that are slow, silent or gone, streams, and the server's own end.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "common/http_server.h"
#include "common/problem.h"
#include "support/raw_client.h"
#include "tests/common/http_server_fixture.h"

namespace dormouse {
namespace {

using std::chrono::milliseconds;
using test::RawClient;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A deadline that is waited for, and that a test on a busy machine still keeps itself.
constexpr auto kWhile = milliseconds(800);

TEST_F(HttpServerTest, ADribblingClientIsEndedAtTheTotalDeadlineWithAnAnswer) {
  HttpServerOptions options = onLoopback();
  options.requestDeadline = kWhile;
  start(options);
  const auto began = std::chrono::steady_clock::now();  // Before the server can have accepted.
  RawClient client(port());
  // Each byte comes well within any per-read time-out.
  std::future<void> dribble = std::async(std::launch::async, [&client] {
    while (client.send("G")) std::this_thread::sleep_for(milliseconds(20));
  });
  const std::string response = client.readAll();
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_THAT(response, StartsWith("HTTP/1.1 408 "));
  EXPECT_GE(took, kWhile);
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST_F(HttpServerTest, HalfARequestIsAnswered408) {
  HttpServerOptions options = onLoopback();
  options.requestDeadline = kWhile;
  start(options);
  RawClient client(port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_THAT(client.readAll(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, ASilentConnectionIsClosedWithoutAnAnswer) {
  HttpServerOptions options = onLoopback();
  options.idleBefore = milliseconds(50);
  start(options);
  RawClient client(port());
  EXPECT_THAT(client.readAll(), IsEmpty());
}

TEST_F(HttpServerTest, KeepAliveIsLongOnlyAfterAValidRequest) {
  HttpServerOptions options = onLoopback();
  options.idleBefore = kWhile;
  options.idleAfter = std::chrono::hours(1);
  std::atomic<int> status{403};
  start(options, [&status](HttpRequest&) -> HttpResponse {
    if (status != 200) throw Problem(status, "no");
    return {};
  });
  RawClient refused(port());
  refused.send(kGet);
  EXPECT_THAT(refused.readResponse(), StartsWith("HTTP/1.1 403 "));
  EXPECT_TRUE(refused.closedByPeer());

  status = 200;
  RawClient valid(port());
  valid.send(kGet);
  EXPECT_THAT(valid.readResponse(), StartsWith("HTTP/1.1 200 "));
  pollfd entry{valid.fd(), POLLIN, 0};
  EXPECT_EQ(0, ::poll(&entry, 1, 2 * static_cast<int>(kWhile.count())))
      << "closed although it had brought a valid request";
}

TEST_F(HttpServerTest, AReaderThatDoesNotTakeItsAnswerIsEnded) {
  HttpServerOptions options = onLoopback();
  options.requestDeadline = milliseconds(100);
  options.maxThreads = 2;
  start(options, [](HttpRequest&) {
    HttpResponse response;
    response.body = std::string(64 << 20, 'x');  // More than both sockets' buffers hold.
    return response;
  });
  RawClient client(port());
  client.send(kGet);
  // Nothing is read here; the end comes all the same.
  pollfd entry{client.fd(), POLLRDHUP, 0};
  EXPECT_EQ(1, ::poll(&entry, 1, 10'000));
}

TEST_F(HttpServerTest, SurvivesClientsThatVanish) {
  start();
  for (int i = 0; i < 20; ++i) {
    RawClient client(port());
    client.send(i % 2 == 0 ? "GET / HTT" : kGet);
    const linger reset{1, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  RawClient client(port());
  client.send(kGet);
  EXPECT_THAT(client.readResponse(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, ConnectionsThatSayNothingDoNotKeepOthersOut) {
  HttpServerOptions options = onLoopback();
  options.maxThreads = 4;
  options.idleBefore = std::chrono::hours(1);
  options.requestDeadline = std::chrono::hours(1);
  start(options);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 12; ++i) silent.push_back(std::make_unique<RawClient>(port()));
  RawClient client(port());
  client.send(kGet);
  EXPECT_THAT(client.readResponse(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, DoesNotWaitForSlowClientsOfAnyKindWhenItStops) {
  HttpServerOptions options = onLoopback();
  options.requestDeadline = options.idleBefore = options.idleAfter = std::chrono::hours(1);
  start(options);
  RawClient silent(port());
  RawClient half(port());
  half.send("GET / HT");
  RawClient idle(port());
  idle.send(kGet);
  idle.readResponse();
  const auto began = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_TRUE(silent.closedByPeer());
  EXPECT_TRUE(half.closedByPeer());
  EXPECT_TRUE(idle.closedByPeer());
}

TEST_F(HttpServerTest, AStreamOutlivesTheServerAndHoldsNoThread) {
  HttpServerOptions options = onLoopback();
  options.maxThreads = 2;
  std::promise<std::unique_ptr<StreamSocket>> promise;
  start(options, [&promise](HttpRequest& request) {
    HttpResponse response;
    if (request.path == "/stream") {
      response.contentType = "application/octet-stream";
      response.takeSocket = [&promise](std::unique_ptr<StreamSocket> socket) {
        promise.set_value(std::move(socket));
      };
    }
    return response;
  });
  RawClient reader(port());
  reader.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = reader.readResponse();
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
  auto stream = promise.get_future().get();
  for (int i = 0; i < 4; ++i) {
    RawClient other(port());
    other.send(kGet);
    EXPECT_THAT(other.readResponse(), StartsWith("HTTP/1.1 200 "));
  }
  server_->stop();
  const std::string text = "after the stop";
  std::size_t written = 0;
  ASSERT_EQ(
      StreamSocket::Result::kWritten,
      stream->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, written));
  stream->close();
  EXPECT_EQ("after the stop", reader.readAll());
}

TEST_F(HttpServerTest, ATakenPortIsTriedAgainAndLoggedOnce) {
  start();
  HttpServerOptions options = onLoopback();
  options.listen.port = port();
  options.bindRetry = milliseconds(20);
  HttpServer second(options, echo, log_.log, watchdog_);
  second.start();
  EXPECT_EQ(0, second.boundPort());
  server_->stop();
  const auto giveUp = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (second.boundPort() == 0 && std::chrono::steady_clock::now() < giveUp) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  ASSERT_EQ(options.listen.port, second.boundPort());
  RawClient client(second.boundPort());
  client.send(kGet);
  EXPECT_THAT(client.readResponse(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(log_.linesWith("cannot listen"), SizeIs(1));
}

TEST_F(HttpServerTest, CanStopWhileItStillTriesToListen) {
  start();
  HttpServerOptions options = onLoopback();
  options.listen.port = port();
  options.bindRetry = milliseconds(1);
  HttpServer second(options, echo, log_.log, watchdog_);
  second.start();
  second.stop();
  EXPECT_EQ(0, second.boundPort());
}

TEST_F(HttpServerTest, WhileDrainingEachAnswerEndsItsConnection) {
  start();
  RawClient idle(port());
  idle.send(kGet);
  EXPECT_THAT(idle.readResponse(), Not(HasSubstr("Connection: close")));
  server_->drain();
  idle.send(kGet);
  const std::string last = idle.readAll();
  EXPECT_THAT(last, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(last, HasSubstr("Connection: close\r\n"));
  // New connections are still served: whoever sent them does not know of the end yet.
  RawClient late(port());
  late.send(kGet);
  const std::string answer = late.readAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

}  // namespace
}  // namespace dormouse
