#include "common/http_server.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <vector>

#include "common/problem.h"
#include "support/capture_log.h"
#include "support/raw_client.h"

namespace dormouse {
namespace {

using std::chrono::milliseconds;
using test::CaptureLog;
using test::RawClient;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A deadline that is waited for, and that a test on a busy machine still keeps itself.
constexpr auto kWhile = milliseconds(800);
constexpr auto kGet = "GET /hello?a=b HTTP/1.1\r\nHost: x\r\n\r\n";

class HttpServerTest : public ::testing::Test {
 protected:
  static HttpServerOptions onLoopback() {
    HttpServerOptions options;
    options.listen = {*IpAddress::parse("127.0.0.1"), 0};
    return options;
  }

  void start(HttpServerOptions options = onLoopback(), HttpHandler handler = echo) {
    server_ =
        std::make_unique<HttpServer>(std::move(options), std::move(handler), log_.log, watchdog_);
    server_->start();
    ASSERT_NE(0, server_->boundPort());
  }
  std::uint16_t port() const { return server_->boundPort(); }

  static HttpResponse echo(HttpRequest& request) {
    HttpResponse response;
    response.contentType = "text/plain";
    response.body = request.method + " " + request.path + " [" + request.body + "]";
    return response;
  }

  CaptureLog log_;
  Watchdog watchdog_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWithLengthDateAndNewline) {
  start();
  RawClient client(port());
  client.send(kGet);
  const std::string response = client.readResponse();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Date: "));
  EXPECT_THAT(response, HasSubstr("Content-Length: 14\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\n\r\nGET /hello []\n"));
  EXPECT_THAT(response, Not(HasSubstr("Connection: close")));
}

TEST_F(HttpServerTest, KeepsTheConnectionAndServesPipelinedRequestsInOrder) {
  start();
  RawClient client(port());
  client.send(
      "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.readResponse(), HasSubstr("POST /1 [abc]\n"));
  EXPECT_THAT(client.readResponse(), HasSubstr("GET /2 []\n"));
  const std::string last = client.readAll();
  EXPECT_THAT(last, HasSubstr("GET /3 []\n"));
  EXPECT_THAT(last, HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, TakesARequestByteByByte) {
  start();
  RawClient client(port());
  for (const char c :
       std::string("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")) {
    ASSERT_TRUE(client.send(std::string_view(&c, 1)));
  }
  EXPECT_THAT(client.readResponse(), HasSubstr("POST /slow [hi]\n"));
}

TEST_F(HttpServerTest, TakesAChunkedBodyAndTheNextRequest) {
  start();
  RawClient client(port());
  client.send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n");
  EXPECT_THAT(client.readResponse(), HasSubstr("POST /c [abcde]\n"));
  client.send(kGet);
  EXPECT_THAT(client.readResponse(), HasSubstr("GET /hello []\n"));
}

TEST_F(HttpServerTest, InvitesABodyThatWaitsForIt) {
  start();
  RawClient client(port());
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 Continue\r\n\r\n", client.readResponse());
  client.send("ok");
  EXPECT_THAT(client.readResponse(), HasSubstr("POST /e [ok]\n"));
}

TEST_F(HttpServerTest, RefusesABodyAboveTheLimitBeforeItComes) {
  start();
  RawClient client(port());
  client.send(
      "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.readAll(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, TheAnswerToATooLargeBodyArrivesAlthoughTheBodyIsStillBeingSent) {
  start();
  RawClient client(port());
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" +
              std::string(60'000, 'x'));
  client.shutdownWrite();
  EXPECT_THAT(client.readAll(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, TakesABodyOfExactlyTheLimit) {
  start();
  RawClient client(port());
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n" +
              std::string(65536, 'x'));
  EXPECT_THAT(client.readResponse(), HasSubstr("[" + std::string(65536, 'x') + "]\n"));
}

TEST_F(HttpServerTest, RefusesAHeadAboveTheLimit) {
  start();
  RawClient client(port());
  std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
  while (head.size() <= 16 * 1024) head += "X-Filler: " + std::string(1000, 'y') + "\r\n";
  client.send(head + "\r\n");
  EXPECT_THAT(client.readAll(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, AnswersWhatItCannotParseWithAProblem) {
  start();
  for (const char* garbage : {"\x16\x03\x01\x02\x01\r\n\r\n", "GET\r\n\r\n",
                              "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost x\r\n\r\n"}) {
    RawClient client(port());
    client.send(garbage);
    const std::string response = client.readAll();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << garbage;
    EXPECT_THAT(response, HasSubstr("Content-Type: application/problem+json\r\n"));
    EXPECT_THAT(response, HasSubstr("\"status\":400"));
    EXPECT_EQ('\n', response.back());
  }
}

TEST_F(HttpServerTest, AHeadRequestGetsNoBody) {
  start();
  RawClient client(port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string response = client.readAll();
  EXPECT_THAT(response, HasSubstr("Content-Length: 15\r\n"));
  EXPECT_THAT(response, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, Http10IsAnsweredAndClosed) {
  start();
  RawClient client(port());
  client.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.readAll(), HasSubstr("GET /old []\n"));
}

TEST_F(HttpServerTest, ProblemsAndOtherExceptionsBecomeAnswers) {
  start(onLoopback(), [](HttpRequest& request) -> HttpResponse {
    if (request.path == "/problem") {
      throw Problem(409, "there are \xff enough", "ports").with("Retry-After", "7");
    }
    throw std::runtime_error("secret inner cause");
  });
  RawClient client(port());
  client.send("GET /problem HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string problem = client.readResponse();
  EXPECT_THAT(problem, StartsWith("HTTP/1.1 409 Conflict\r\n"));
  EXPECT_THAT(problem, HasSubstr("Retry-After: 7\r\n"));
  EXPECT_THAT(problem,
              HasSubstr(R"({"type":"about:blank","title":"Conflict","status":409,)"
                        "\"detail\":\"there are \xef\xbf\xbd enough\",\"key\":\"ports\"}\n"));
  client.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string internal = client.readResponse();
  EXPECT_THAT(internal, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(internal, Not(HasSubstr("secret")));
  EXPECT_THAT(log_.linesWith("secret inner cause"), SizeIs(1));
}

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

TEST_F(HttpServerTest, LargeBodiesShareABoundAndGiveTheirRoomBack) {
  HttpServerOptions options = onLoopback();
  options.limits.bodyBytes = 200 << 10;
  options.largeBodies = 250 << 10;
  start(options);
  const std::string body(150 << 10, 'x');
  const auto announce = [&](const RawClient& client, const std::string& framing) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + framing + "\r\n\r\n");
  };
  const std::string large = "Content-Length: " + std::to_string(body.size());

  RawClient first(port());
  announce(first, large);
  ASSERT_THAT(first.readResponse(), StartsWith("HTTP/1.1 100 "));
  RawClient second(port());
  announce(second, large);
  const std::string refusal = second.readAll();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("too many large requests at once"));
  RawClient chunked(port());  // Its length is not known: it counts as the largest.
  announce(chunked, "Transfer-Encoding: chunked");
  EXPECT_THAT(chunked.readAll(), StartsWith("HTTP/1.1 503 "));
  RawClient small(port());  // Up to 64 KiB are not counted.
  announce(small, "Content-Length: 65536");
  EXPECT_THAT(small.readResponse(), StartsWith("HTTP/1.1 100 "));

  first.send(body);
  EXPECT_THAT(first.readResponse(), StartsWith("HTTP/1.1 200 "));
  first.send(kGet);  // Once this is answered the request before it is over.
  EXPECT_THAT(first.readResponse(), StartsWith("HTTP/1.1 200 "));
  RawClient third(port());
  announce(third, large);
  EXPECT_THAT(third.readResponse(), StartsWith("HTTP/1.1 100 "));
}

TEST_F(HttpServerTest, TellsEachAnswersStatus) {
  HttpServerOptions options = onLoopback();
  std::promise<int> status;
  options.onAnswer = [&status](int code) { status.set_value(code); };
  start(options);
  RawClient client(port());
  client.send("nonsense\r\n\r\n");
  EXPECT_EQ(400, status.get_future().get());
}

}  // namespace
}  // namespace dormouse
