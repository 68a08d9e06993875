// Does the Live Update Orchestrator itself work here? What fails in these cases is no matter of PCI.
#include "fixtures/case.h"

namespace holdfast {
namespace {

constexpr uint64_t kBytes = uint64_t{1} << 20;

HOLDFAST_CASE(LiveUpdate, MemfdKeepsItsBytes, "a memfd that was preserved comes back with the bytes that it had",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  Memory sent = MUST(scenario.create_memory(kernel, kBytes));
  Session session = MUST(scenario.create_session(kernel, "memory"));
  MUST(scenario.preserve(kernel, session, sent, 7));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  MUST(scenario.verify(next));
  Session arrived = MUST(scenario.retrieve_session(next, "memory"));
  Memory back = MUST(scenario.retrieve(next, arrived, sent, 7));
  const std::string digest = MUST(scenario.digest_of(next, back));
  EXPECT_EQ(digest, sent.sha256) << "the memfd of " << kBytes << " bytes came back with other content";
  MUST(scenario.finish(next, arrived));
}

HOLDFAST_CASE(LiveUpdate, UnknownTokenIsNotRetrieved, "retrieving a token that nothing was preserved under is ENOENT",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  Memory sent = MUST(scenario.create_memory(kernel, kBytes));
  Session session = MUST(scenario.create_session(kernel, "memory"));
  MUST(scenario.preserve(kernel, session, sent, 7));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  Session arrived = MUST(scenario.retrieve_session(next, "memory"));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoRetrieve{.session = arrived.handle, .token = 8}));
  EXPECT_EQ(answer, "ENOENT");
}

}  // namespace
}  // namespace holdfast
