// Problems as answers: application/problem+json (RFC 9457).
#pragma once

#include "common/http_message.h"
#include "common/log.h"
#include "common/problem.h"

namespace dormouse {

/// {"type":"about:blank","title":…,"status":…,"detail":…,"key":…}; "key" only if the problem has
/// one.
HttpResponse problemResponse(const Problem& problem);

/// Calls the handler and turns whatever it throws into an answer: a Problem into itself, anything
/// else into a 500 whose cause stands in the log alone. The one place where that happens.
HttpResponse answer(const HttpHandler& handler, HttpRequest& request, const Log& log);

}  // namespace dormouse
