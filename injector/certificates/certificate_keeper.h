// Keeps the injector's certificates and the API servers' trust in them, without restarts.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/log.h"
#include "injector/certificates/authority.h"
#include "injector/kube/cluster.h"

namespace dormouse::injector {

struct KeeperOptions {
  std::string space;                 // Where the CA's Secret is.
  std::string secret;                // Its name. It must exist; empty, it is filled, at any time.
  std::string webhookConfiguration;  // The caBundle of each of its webhooks is kept.
  std::vector<std::string> names;    // Of the server, as API servers call it; not empty.
  CertificateTimes times;
};

/// Brings together the CA in its Secret, the caBundles that API servers read, and the leaf that is
/// served. Several replicas do so at once and agree without talking to each other, because
///  1. a CA is written only under the Secret's resourceVersion: of two makers one wins, and the
///     other one takes what it finds;
///  2. the webhooks are read before the Secret and patched under the resourceVersion read then: a
///     replica that read an older Secret cannot put the older bundle back;
///  3. but for a CA that is found broken, a bundle always holds the CA of every leaf that a replica
///  may be serving;
///  4. a leaf of a new CA is served only when its bundle has been in place for a while.
/// step() and the constructor on one thread; the rest on any.
class CertificateKeeper {
 public:
  /// `serve` gets each new leaf with its key, on the thread of step(). The references outlive the
  /// object.
  CertificateKeeper(KeeperOptions options, KubeApi& api, const Clock& clock, const Log& log,
                    std::function<void(const CertificateAndKey&)> serve);

  /// Compares and repairs everything once. False if something failed (it is logged) and should be
  /// tried again soon. Never throws.
  bool step() noexcept;

  /// True if API servers accept the leaf, as far as the last step that reached one knows.
  bool ready() const { return ready_; }
  /// Seconds since 1970; 0 if there is none.
  std::int64_t leafExpiry() const { return leafExpiry_; }
  std::int64_t authorityExpiry() const { return authorityExpiry_; }

 private:
  void reconcile();
  void updateAuthority();
  /// Sees to it that every webhook has the bundle; `webhooks` is up to date afterwards.
  void placeBundle(WebhookConfiguration& webhooks);
  void renewLeaf();
  /// REQUIRES: it was read once.
  const Authority& authority() const;
  const CertificateAndKey& signer() const;
  bool accepted(const WebhookConfiguration& webhooks) const;

  const KeeperOptions options_;
  KubeApi& api_;
  const Clock& clock_;
  const Log& log_;
  const std::function<void(const CertificateAndKey&)> serve_;

  std::optional<Authority> authority_;  // As last read.
  std::string placedCertificate_;       // The current CA that all bundles hold …
  TimePoint placedSince_;               // … and since when this object has known.
  std::optional<CertificateAndKey> leaf_;
  std::string leafSigner_;  // The certificate of the CA that signed it.
  std::atomic<bool> ready_{false};
  std::atomic<std::int64_t> leafExpiry_{0};
  std::atomic<std::int64_t> authorityExpiry_{0};
};

}  // namespace dormouse::injector
