#include "injector/kube/rest_client.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <istream>
#include <iterator>
#include <ostream>

#include "common/quote.h"
#include "common/version.h"
#include "injector/json.h"

namespace dormouse::injector {
namespace {

constexpr const char* kAccount = "/var/run/secrets/kubernetes.io/serviceaccount/";
constexpr std::size_t kMostAnswer = 32 << 20;  // A page of pods is far below.

std::string environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): never set here.
  return value == nullptr ? "" : value;
}

std::string readAnswer(std::istream& stream) {
  std::string body;
  std::array<char, 16384> chunk{};
  while (stream.good()) {
    stream.read(chunk.data(), chunk.size());
    body.append(chunk.data(), static_cast<std::size_t>(stream.gcount()));
    if (body.size() > kMostAnswer) throw Poco::DataException("the answer is too large");
  }
  return body;
}

// The API server explains a failure in a Status object.
std::string explanation(const std::string& body) {
  try {
    return stringMember(parseObject(body), "message").value_or("");
  } catch (const std::invalid_argument&) {
    return "";
  }
}

Poco::URI parseUrl(const std::string& text) {
  try {
    const Poco::URI url(text);
    if ((url.getScheme() == "https" || url.getScheme() == "http") && !url.getHost().empty()) {
      return url;
    }
  } catch (const Poco::Exception&) {
    // Said below.
  }
  throw std::invalid_argument(inQuotes(text) + " is not the URL of a Kubernetes API");
}

}  // namespace

RestClient::RestClient(RestClientOptions options)
    : options_(std::move(options)), url_(parseUrl(options_.url)) {}

RestClientOptions RestClient::inCluster() {
  RestClientOptions options;
  const std::string host = environment("KUBERNETES_SERVICE_HOST");
  if (host.empty()) return options;
  const std::string port = environment("KUBERNETES_SERVICE_PORT");
  const bool v6 = host.find(':') != std::string::npos;
  options.url = "https://" + (v6 ? "[" + host + "]" : host) + ":" + (port.empty() ? "443" : port);
  options.caFile = std::string(kAccount) + "ca.crt";
  options.tokenFile = std::string(kAccount) + "token";
  return options;
}

std::string RestClient::token() const {
  if (options_.tokenFile.empty()) return "";
  std::ifstream file(options_.tokenFile);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) throw ApiError(0, "the token file " + options_.tokenFile + " cannot be read");
  return text;
}

std::unique_ptr<Poco::Net::HTTPClientSession> RestClient::connect() const {
  std::unique_ptr<Poco::Net::HTTPClientSession> session;
  if (url_.getScheme() == "http") {
    session = std::make_unique<Poco::Net::HTTPClientSession>(url_.getHost(), url_.getPort());
  } else {
    Poco::Net::Context::Params params;
    params.caLocation = options_.caFile;
    // Strict, because Poco's relaxed mode does not compare the name of a local server.
    params.verificationMode = Poco::Net::Context::VERIFY_STRICT;
    Poco::Net::Context::Ptr context(
        new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, params));
    context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
    session =
        std::make_unique<Poco::Net::HTTPSClientSession>(url_.getHost(), url_.getPort(), context);
  }
  const Poco::Timespan timeout(
      std::chrono::duration_cast<std::chrono::microseconds>(options_.timeout).count());
  session->setTimeout(timeout);
  session->setKeepAlive(false);
  return session;
}

std::string RestClient::callOnce(const ApiRequest& request) const {
  const std::string what = request.method + " " + request.path.substr(0, request.path.find('?'));
  try {
    const auto session = connect();
    Poco::Net::HTTPRequest head(request.method, request.path, Poco::Net::HTTPMessage::HTTP_1_1);
    const std::string bearer = token();
    if (!bearer.empty()) head.set("Authorization", "Bearer " + bearer);
    head.set("Accept", "application/json");
    head.set("User-Agent", std::string("dormouse-injector/") + kVersion);
    if (!request.body.empty()) {
      head.setContentType(request.contentType);
      head.setContentLength64(static_cast<Poco::Int64>(request.body.size()));
    }
    session->sendRequest(head) << request.body;
    Poco::Net::HTTPResponse response;
    std::string body = readAnswer(session->receiveResponse(response));
    const int status = response.getStatus();
    if (status >= 200 && status < 300) return body;
    const std::string cause = explanation(body);
    throw ApiError(status, what + " was answered " + std::to_string(status) +
                               (cause.empty() ? "" : ": " + cause));
  } catch (const Poco::Exception& error) {
    throw ApiError(0, what + " failed: " + error.displayText());
  }
}

std::string RestClient::call(const ApiRequest& request) {
  try {
    return callOnce(request);
  } catch (const ApiError& error) {
    if (error.status() != 401) throw;
  }
  // The token was rotated between reading it and its use, or a moment ago; once more.
  return callOnce(request);
}

}  // namespace dormouse::injector
