#include "common/problem_response.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/Net/HTTPResponse.h>

#include <sstream>

#include "common/utf8.h"

namespace dormouse {
namespace {

HttpResponse internalError(const HttpRequest& request, const Log& log, const std::string& cause) {
  log.error("a request failed",
            {{"method", request.method}, {"path", request.path}, {"cause", cause}});
  return problemResponse(Problem(500, "something went wrong here; the log says what"));
}

}  // namespace

HttpResponse problemResponse(const Problem& problem) {
  Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
  object.set("type", "about:blank");
  object.set("title", Poco::Net::HTTPResponse::getReasonForStatus(
                          static_cast<Poco::Net::HTTPResponse::HTTPStatus>(problem.status())));
  object.set("status", problem.status());
  object.set("detail", std::string(problem.what()));
  if (!problem.key().empty()) object.set("key", problem.key());
  std::ostringstream text;
  object.stringify(text);
  HttpResponse response;
  response.status = problem.status();
  response.contentType = "application/problem+json";
  response.headers = problem.headers();
  response.body = toValidUtf8(text.str());
  return response;
}

HttpResponse answer(const HttpHandler& handler, HttpRequest& request, const Log& log) {
  try {
    return handler(request);
  } catch (const Problem& problem) {
    return problemResponse(problem);
  } catch (const Poco::Exception& error) {
    return internalError(request, log, error.displayText());
  } catch (const std::exception& error) {
    return internalError(request, log, error.what());
  } catch (...) {
    return internalError(request, log, "an exception of an unknown type");
  }
}

}  // namespace dormouse
