# cmake -DNAME=.. -DVERSION=.. -DSOURCES=.. -DOUTPUT=.. -P plugin_descriptor.cmake
#
# Writes the source in which a plugin says what it is: the table of its components, and each one's
# manual page, which is the comment that its source file begins with.

set(declarations "")
set(manuals "")
set(table "")
foreach(source IN LISTS SOURCES)
  cmake_path(GET source STEM LAST_ONLY component)
  string(MAKE_C_IDENTIFIER ${component} identifier)

  file(READ ${source} text)
  string(REGEX MATCH "^(//[^\n]*\n)+" manual "${text}")
  string(REGEX REPLACE "\n// ?" "\n" manual "\n${manual}")
  string(REGEX REPLACE "^\n" "" manual "${manual}")

  string(APPEND declarations
    "extern \"C\" const char pellucid_manual_${identifier}[];\n"
    "extern \"C\" const pellucid::ComponentDescriptor pellucid_component_${identifier};\n")
  string(APPEND manuals
    "const char pellucid_manual_${identifier}[] = R\"manual(${manual})manual\";\n")
  string(APPEND table "    &pellucid_component_${identifier},\n")
endforeach()

file(WRITE ${OUTPUT}.new "// What the plugin '${NAME}' says about itself; made by pellucid_add_plugin.

#include <pellucid/plugin.h>
#include <pellucid/stamp.h>

${declarations}
${manuals}
namespace {

const pellucid::ComponentDescriptor* const components[] = {
${table}    nullptr,
};

}  // namespace

extern \"C\" {
extern PELLUCID_EXPORT const pellucid::PluginDescriptor pellucid_plugin;
const pellucid::PluginDescriptor pellucid_plugin{
    sizeof(pellucid::PluginDescriptor), PELLUCID_ABI_STAMP, \"${NAME}\", \"${VERSION}\", components,
};
}
")
# An edit below the comment changes nothing here, and then nothing is compiled again.
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUTPUT}.new)
