#include "client/option_table.h"

#include <boost/program_options/cmdline.hpp>
#include <sstream>

#include "client/compare_options.h"
#include "client/selection_options.h"

namespace dormouse::client {

namespace po = boost::program_options;

po::options_description visibleOptions() {
  po::options_description cluster("The cluster, as kubectl knows it");
  cluster.add_options()  //
      ("namespace,n", po::value<std::string>()->value_name("NAME"),
       "the pod's namespace, instead of the context's")  //
      ("context", po::value<std::string>()->value_name("NAME"),
       "a context of the kubeconfig, instead of the current one")                         //
      ("kubeconfig", po::value<std::string>()->value_name("FILE"), "another kubeconfig")  //
      ("max-pods", po::value<std::string>()->value_name("10"),
       "of a workload, how many pods to mirror at the same time");
  po::options_description connection("The sidecar");
  connection.add_options()  //
      ("token", po::value<std::string>()->value_name("TOKEN"),
       "the token; other users of this machine can see it, --token-file is better")  //
      ("token-file", po::value<std::string>()->value_name("FILE"),
       "read the token from this file; without both, DORMOUSE_TOKEN is taken, and without that the "
       "namespace's Secret")                                                              //
      ("secret", po::value<std::string>()->value_name("dormouse"), "that Secret's name")  //
      ("as", po::value<std::string>()->value_name("NAME"),
       "whose token of the Secret; the only one, or developer's, unless given")  //
      ("container", po::value<std::string>()->value_name("dormouse"),
       "the sidecar's container, where it was put into the pod by hand; of attach: the container "
       "whose processes it shares and with which it ends")  //
      ("control-port", po::value<std::string>()->value_name("4747"),
       "the port of the control API, instead of what the pod's annotation says; of attach: instead "
       "of one that seems to be free")  //
      ("url", po::value<std::string>()->value_name("URL"),
       "no cluster: the control API is here, such as http://127.0.0.1:4747")  //
      ("ca-file", po::value<std::string>()->value_name("FILE"),
       "PEM certificates to verify an https:// URL by, instead of the system's")  //
      ("insecure-skip-tls-verify", po::bool_switch(), "accept any certificate");
  po::options_description attach("A pod that was not prepared (attach)");
  attach.add_options()  //
      ("node", po::bool_switch(),
       "by a Job on the pod's node, where Pod Security forbids an ephemeral container")  //
      ("image", po::value<std::string>()->value_name("IMAGE"),
       "the sidecar's image; without it DORMOUSE_IMAGE is taken, and without that what the admin "
       "has "
       "installed")  //
      ("exit-when-idle", po::value<std::string>()->value_name("30s"),
       "it ends after so long without a mirror; 5m where no port is given");
  po::options_description mirror("What to mirror");
  mirror.add_options()                                                                   //
      ("protocol", po::value<std::string>()->value_name("tcp|udp"), "tcp unless given")  //
      ("source", po::value<std::vector<std::string>>()->composing()->value_name("CIDR"),
       "only traffic from this network; may be given several times")  //
      ("ttl", po::value<std::string>()->value_name("30m"),
       "end after this time; the sidecar's default unless given")  //
      ("midstream", po::value<std::string>()->value_name("http|raw"),
       "connections that are open already: from their next HTTP request (http) or byte (raw)")  //
      ("h2", po::value<std::string>()->value_name("requests|raw"),
       "HTTP/2: request by request, as the local program wants it, unless given; or the bytes "
       "themselves (raw)");
  po::options_description local("The local end");
  local.add_options()                                                                      //
      ("to-host", po::value<std::string>()->value_name("HOST"), "127.0.0.1 unless given")  //
      ("buffer", po::value<std::string>()->value_name("64MiB"),
       "what all local connections together may hold back for a slow or paused program")  //
      ("map", po::value<std::vector<std::string>>()->composing()->value_name("LOCAL:REMOTE"),
       "exec: a port of the program and the pod's; several times; REMOTE none: not to be mirrored; "
       "LOCAL 0: what the kernel chooses")  //
      ("write", po::value<std::string>()->value_name("FILE"),
       "pcap: write to this file instead of standard output")  //
      ("quiet,q", po::bool_switch(), "print the end only")     //
      ("output", po::value<std::string>()->value_name("text|json"),
       "json: one JSON object per line on standard output");
  po::options_description general("General");
  general.add_options()("help,h", "print this")("version", "print the version");
  po::options_description all;
  all.add(cluster)
      .add(connection)
      .add(attach)
      .add(mirror)
      .add(selectionOptions())
      .add(local)
      .add(compareOptions())
      .add(general);
  return all;
}

std::vector<OptionName> optionNames() {
  std::vector<OptionName> names;
  const po::options_description all = visibleOptions();
  for (const auto& option : all.options()) {
    const std::string shortForm =
        option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    names.push_back({option->long_name(), shortForm.size() == 2 ? shortForm.substr(1) : "",
                     option->semantic()->max_tokens() > 0, option->description()});
  }
  return names;
}

std::string helpText() {
  std::ostringstream text;
  text
      << "Copies a pod's incoming traffic onto local ports, while the pod's own server goes on\n"
         "serving it.\n\n"
         "  kubectl mirror TARGET REMOTE:LOCAL [REMOTE:LOCAL ...] [options]\n"
         "  kubectl mirror pcap TARGET PORT [PORT ...] [options]\n"
         "  kubectl mirror exec TARGET [--map LOCAL:REMOTE ...] [options] -- PROGRAM [WORD ...]\n"
         "  kubectl mirror attach pod/NAME [--node] [REMOTE:LOCAL ...] [options]\n"
         "  kubectl mirror detach pod/NAME [options]\n"
         "  kubectl mirror list [options]\n"
         "  kubectl mirror --url URL REMOTE:LOCAL [REMOTE:LOCAL ...] [options]\n\n"
         "TARGET is pod/NAME, or deploy/NAME, sts/NAME, ds/NAME, rs/NAME, job/NAME, svc/NAME: all\n"
         "pods of it, also those that come later. 8080:3000 copies every connection to the pod's\n"
         "port 8080 to 127.0.0.1:3000; 8080 alone means 8080:8080. pcap writes one pod's packets,\n"
         "both directions, for wireshark -k -i -. attach brings a sidecar into a running pod that "
         "has\n"
         "none, as an ephemeral container or by a Job on its node, and mirrors as above if ports "
         "are\n"
         "given; detach ends your mirrors there; list tells who mirrors what in the namespace.\n"
         "exec starts your program and copies, to each port that it listens on, what the pod gets "
         "on\n"
         "the same port, or on the one that --map says. Our own lines go to standard error.\n"
         "kubectl is run without a terminal: if your cluster asks for a log-in on it, log in "
         "first,\n"
         "for example by kubectl get pods.\n"
         "Ctrl-C ends the mirror and prints what became of everything that was seen; a second\n"
         "Ctrl-C exits at once.\n"
      << visibleOptions()
      << "\nExit codes:\n"
         "  0  everything seen was delivered (connections without payload and retransmitted\n"
         "     packets aside, and what the mirror was told to leave out)\n"
         "  1  some of it was not; the ledger says how much and why\n"
         "  2  the command line is wrong\n"
         "  3  the pod or its sidecar cannot be reached, or it refused\n"
         "  4  a stream broke off without a ledger\n"
         "  5  with --compare: not 4, and the responses to some requests differ; 1 also if some\n"
         "     could not be compared\n"
         "A second Ctrl-C kills the client: 130 for the shell. exec ends as its program did, and "
         "with\n127 or 126 if there is no such program or it cannot be run.\n";
  return text.str();
}

}  // namespace dormouse::client
