// `pellucid new-plugin`: names it refuses and folders it leaves alone. That each kind builds and
// passes its test is tried by tests/consumers.

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class NewPlugin : public ProgramTest {};

TEST_F(NewPlugin, writes_a_component_its_test_a_build_file_and_a_readme) {
  for (const char* kind : {"operator", "stage", "reducer", "prior", "denoiser", "functional"}) {
    const std::string name = std::string("edge_") + kind;
    const Answer answer = pellucid({"new-plugin", name, "--kind", kind});
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_THAT(answer.out, HasSubstr("with the " + std::string(kind) + " " + name + "/" + name));
    for (const std::string& file : {std::string("CMakeLists.txt"), std::string("README.md"),
                                    name + ".cpp", name + "_test.cpp"}) {
      const std::string text = text_of_file(in_folder(name) / file);
      EXPECT_THAT(text, HasSubstr(name)) << file;
      for (const char* mark : {"{{name}}", "{{Class}}", "{{kind}}"})
        EXPECT_THAT(text, Not(HasSubstr(mark))) << file;
    }
    EXPECT_THAT(text_of_file(in_folder(name) / (name + ".cpp")), HasSubstr("class Edge"));
  }
}

TEST_F(NewPlugin, leaves_a_folder_that_is_there_as_it_is) {
  fs::create_directory(in_folder("mine"));
  const Answer answer = pellucid({"new-plugin", "mine"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("'mine' is there already and is left as it is"));
  EXPECT_TRUE(fs::is_empty(in_folder("mine")));
}

TEST_F(NewPlugin, refuses_names_that_cannot_be_those_of_a_target_and_a_class) {
  for (const char* name : {"Edge", "3d", "a-b", "a/b", "..", "edge_", "a b"}) {
    const Answer answer = pellucid({"new-plugin", name});
    EXPECT_EQ(answer.code, 2) << name;
    EXPECT_THAT(answer.err, HasSubstr("lower-case letters, digits and '_'"));
  }
  for (const char* name : {"test", "class", "pipeline"})
    EXPECT_THAT(pellucid({"new-plugin", name}).err, HasSubstr("take another name"));
  EXPECT_THAT(pellucid({"new-plugin", "edge", "--kind", "operater"}).err,
              HasSubstr("did you mean 'operator'?"));
  EXPECT_FALSE(fs::exists(in_folder("edge")));
}

TEST_F(NewPlugin, refuses_names_whose_class_would_be_called_as_a_type_of_the_framework) {
  for (const char* name : {"denoiser", "stage", "reducer", "functional", "settings", "spec",
                           "latent_prior", "linear_operator", "shape_error"}) {
    const Answer answer = pellucid({"new-plugin", name});
    EXPECT_EQ(answer.code, 2) << name;
    EXPECT_THAT(answer.err, HasSubstr("as a type of the framework is; take another name, such as "
                                      "'my_" +
                                      std::string(name) + "'"));
    EXPECT_FALSE(fs::exists(in_folder(name)));
  }
}

}  // namespace
}  // namespace pellucid::testing
