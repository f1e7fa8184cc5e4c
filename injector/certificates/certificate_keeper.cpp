#include "injector/certificates/certificate_keeper.h"

#include <algorithm>
#include <stdexcept>

namespace dormouse::injector {
namespace {

constexpr int kTries = 3;  // A conflict means that somebody has done the work: once is the rule.

std::int64_t unixSeconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

CertificateKeeper::CertificateKeeper(KeeperOptions options, KubeApi& api, const Clock& clock,
                                     const Log& log,
                                     std::function<void(const CertificateAndKey&)> serve)
    : options_(std::move(options)), api_(api), clock_(clock), log_(log), serve_(std::move(serve)) {}

bool CertificateKeeper::step() noexcept {
  bool good = true;
  try {
    reconcile();
  } catch (const std::exception& error) {
    good = false;
    log_.warn("the certificates could not be checked", {{"cause", std::string(error.what())}});
  }
  // The leaf is renewed in memory, whether or not an API server can be reached.
  try {
    if (authority_ && !good) renewLeaf();
  } catch (const std::exception& error) {
    log_.error("the leaf could not be renewed", {{"cause", std::string(error.what())}});
  }
  return good;
}

void CertificateKeeper::reconcile() {
  WebhookConfiguration webhooks = readWebhooks(api_, options_.webhookConfiguration);
  updateAuthority();
  placeBundle(webhooks);
  renewLeaf();
  const bool nowReady = accepted(webhooks);
  if (nowReady != ready_) {
    log_.info(nowReady ? "API servers accept the certificate"
                       : "API servers refuse the certificate");
  }
  ready_ = nowReady;
}

void CertificateKeeper::updateAuthority() {
  for (int left = kTries;; --left) {
    const Secret secret = readSecret(api_, options_.space, options_.secret);
    const WallTime now = clock_.wallNow();
    std::string fault;
    std::optional<Authority> present = authorityFrom(secret.data, now, fault);
    if (!fault.empty()) {
      log_.error("the CA cannot be used and is replaced",
                 {{"secret", options_.space + "/" + options_.secret}, {"cause", fault}});
    }
    const bool inPlace = present && placedCertificate_ == present->current.certificate;
    auto next = nextAuthority(present, options_.times, now, inPlace);
    if (next) {
      // An emptied Secret: the CA that replicas are serving leaves of stays trusted meanwhile.
      if (!present && authority_) next->previous = authority_->current;
      try {
        writeSecret(api_, secret, toSecretData(*next));
      } catch (const ApiError& error) {
        if (!error.conflict() || left == 1) throw;
        continue;  // Another replica was faster: its CA is read and used.
      }
      log_.info(next->previous ? "a new CA was made"
                : present      ? "the former CA was dropped"
                               : "a CA was made",
                {{"secret", options_.space + "/" + options_.secret}});
      present = next;
    }
    authority_ = std::move(present);
    authorityExpiry_ = unixSeconds(validityOf(authority().current.certificate).until);
    return;
  }
}

void CertificateKeeper::placeBundle(WebhookConfiguration& webhooks) {
  const std::string bundle = authority().bundle();
  const std::string& current = authority().current.certificate;
  std::map<std::string, std::string> wrong;
  bool holdsCurrent = true;
  for (const auto& [name, present] : webhooks.bundles) {
    if (present != bundle) wrong[name] = bundle;
    if (present.find(current) == std::string::npos) holdsCurrent = false;
  }
  if (!holdsCurrent) placedCertificate_.clear();
  if (!wrong.empty()) {
    patchBundles(api_, options_.webhookConfiguration, webhooks.resourceVersion, wrong);
    for (const auto& [name, text] : wrong) webhooks.bundles[name] = text;
    log_.info("caBundle was set", {{"webhooks", static_cast<int>(wrong.size())}});
  }
  if (placedCertificate_ != current) {
    placedCertificate_ = current;
    placedSince_ = clock_.now();
  }
}

const Authority& CertificateKeeper::authority() const {
  if (!authority_) throw std::logic_error("no CA was read yet");
  return *authority_;
}

const CertificateAndKey& CertificateKeeper::signer() const {
  const CertificateAndKey& current = authority().current;
  const std::optional<CertificateAndKey>& previous = authority().previous;
  if (!previous || leafSigner_ == current.certificate) return current;
  const bool settled = placedCertificate_ == current.certificate &&
                       clock_.now() - placedSince_ >= options_.times.settle;
  return settled ? current : *previous;
}

void CertificateKeeper::renewLeaf() {
  const CertificateAndKey& authority = signer();
  const WallTime now = clock_.wallNow();
  if (leaf_ && leafSigner_ == authority.certificate && !dueForRenewal(leaf_->certificate, now)) {
    return;
  }
  // A leaf does not outlive its CA.
  const WallTime until =
      std::min(now + options_.times.leaf, validityOf(authority.certificate).until);
  CertificateAndKey leaf =
      issueLeaf(authority, options_.names, {now - options_.times.backdate, until});
  serve_(leaf);
  leaf_ = std::move(leaf);
  leafSigner_ = authority.certificate;
  leafExpiry_ = unixSeconds(until);
  log_.info("a new leaf is served", {{"until", formatTime(until)}});
}

bool CertificateKeeper::accepted(const WebhookConfiguration& webhooks) const {
  return std::all_of(webhooks.bundles.begin(), webhooks.bundles.end(), [&](const auto& webhook) {
    return verifies(leaf_->certificate, webhook.second, options_.names.front(), clock_.wallNow());
  });
}

}  // namespace dormouse::injector
