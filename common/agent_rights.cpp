#include "common/agent_rights.h"

#include <Poco/JSON/Array.h>

#include <string>

namespace dormouse {

Poco::JSON::Object::Ptr agentSecurityContext(bool asksForNetRaw) {
  const auto newObject = [] {
    return Poco::JSON::Object::Ptr(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
  };
  Poco::JSON::Object::Ptr context = newObject();
  context->set("allowPrivilegeEscalation", false);
  if (asksForNetRaw) {
    Poco::JSON::Array::Ptr drop = new Poco::JSON::Array;
    drop->add(std::string("ALL"));
    Poco::JSON::Array::Ptr add = new Poco::JSON::Array;
    add->add(std::string("NET_RAW"));
    Poco::JSON::Object::Ptr capabilities = newObject();
    capabilities->set("drop", drop);
    capabilities->set("add", add);
    context->set("capabilities", capabilities);
  }
  context->set("privileged", false);
  context->set("readOnlyRootFilesystem", true);
  context->set("runAsGroup", kAgentUser);
  context->set("runAsNonRoot", true);
  context->set("runAsUser", kAgentUser);
  Poco::JSON::Object::Ptr seccomp = newObject();
  seccomp->set("type", std::string("RuntimeDefault"));
  context->set("seccompProfile", seccomp);
  return context;
}

}  // namespace dormouse
