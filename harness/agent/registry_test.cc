// Does each request get an answer that fits in a frame, whatever its handler does?
#include "harness/agent/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/wire/verbs_pci.h"

namespace holdfast::agent {
namespace {

using ::testing::HasSubstr;

Result<wire::KmsgReply> too_much(State&, const wire::Kmsg&) {
  return wire::KmsgReply{.next_seq = 0, .complete = true, .blob = wire::Bytes(wire::kMaxBlob + 1)};
}
Result<wire::HaveReply> refuse_at_length(State&, const wire::Have&) {
  return kernel_refused(std::string(wire::kMaxText, '\xff'), EBUSY);
}
Result<wire::PutReply> work(State&, const wire::Put& put) { return wire::PutReply{.received = put.blob.size()}; }

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() : state_({}, Files("/nonexistent", "/nonexistent"), nullptr) {
    registry_.add(too_much);
    registry_.add(refuse_at_length);
    registry_.add(work);
  }

  Result<wire::Envelope> serve(wire::Message request) {
    const auto reply = registry_.serve(state_, std::move(request));
    if (!reply) return harness_error("test", "no answer");
    EXPECT_TRUE(wire::fits(*reply));
    return wire::open_envelope(*reply);
  }

  State state_;
  Registry registry_;
};

TEST_F(RegistryTest, GivesTheRequestWithItsBlobToItsHandler) {
  const auto envelope =
      serve(wire::make_request(3, wire::Put{.sha256 = "", .total_size = 5, .offset = 0, .blob = wire::Bytes(5)}));
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->id, 3U);
  EXPECT_EQ(wire::decode<wire::PutReply>(*envelope, {})->received, 5U);
}

TEST_F(RegistryTest, RefusesInsteadOfAReplyThatIsTooLong) {
  const auto envelope = serve(wire::make_request(4, wire::Kmsg{}));
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->kind, wire::Envelope::Kind::kRefusal);
  EXPECT_EQ(envelope->id, 4U);
  EXPECT_EQ(envelope->refusal.errnum, EMSGSIZE);
}

TEST_F(RegistryTest, CutsARefusalThatIsTooLong) {
  const auto envelope = serve(wire::make_request(5, wire::Have{}));
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->refusal.errnum, EBUSY);
}

TEST_F(RegistryTest, AnswersNoEvent) { EXPECT_FALSE(registry_.serve(state_, wire::make_event(wire::Leaving{}))); }

TEST_F(RegistryTest, ServesEachVerbOfTheProtocol) {
  const Registry all = all_verbs();
  // Taken apart before it can do anything: each of these has a verb and lacks its arguments, or is refused for them.
  for (const char* verb : {"hello",
                           "offers",
                           "kmsg",
                           "have",
                           "put",
                           "kexec_load",
                           "crash_load",
                           "crash_now",
                           "sysfs_write",
                           "sysfs_wait",
                           "vfio_bind",
                           "driver_restore",
                           "vfio_open_cdev",
                           "vfio_open_group",
                           "node_open",
                           "close",
                           "vfio_bind_iommufd",
                           "ioas_alloc",
                           "vfio_attach",
                           "ioas_map",
                           "ioas_unmap",
                           "vfio_info",
                           "vfio_read",
                           "vfio_write",
                           "vfio_irq_set",
                           "vfio_irq_wait",
                           "vfio_reset",
                           "memfd_create",
                           "memfd_write",
                           "memfd_read",
                           "luo_session_create",
                           "luo_session_retrieve",
                           "luo_preserve",
                           "luo_retrieve",
                           "luo_finish"}) {
    const std::string text = std::string(R"({"id":1,"verb":")") + verb + R"(","args":{}})";
    const auto reply = all.serve(state_, {.text = text, .blob = {}});
    ASSERT_TRUE(reply);
    const auto envelope = wire::open_envelope(*reply);
    ASSERT_TRUE(envelope);
    EXPECT_THAT(envelope->refusal.what, HasSubstr("is missing")) << verb;
  }
}

}  // namespace
}  // namespace holdfast::agent
