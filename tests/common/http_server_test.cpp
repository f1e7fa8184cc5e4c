// What the server makes of requests, and what it answers.
#include "common/http_server.h"

#include <gmock/gmock.h>

#include <future>
#include <stdexcept>
#include <string>

#include "common/problem.h"
#include "support/raw_client.h"
#include "tests/common/http_server_fixture.h"

namespace dormouse {
namespace {

using test::RawClient;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

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
