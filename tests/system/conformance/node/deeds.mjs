// Does the deeds named on the command line, and tells of each on a line of its own: {"deed", "result"} or {"deed", "error"}.

export const QUESTION = "The furnace at 12 Oak Street is out. Who can come today?";
// The local OpenAI calls a tool whose name the question speaks of.
export const ASKS_FOR_THE_TOOL = "Which technician is free today?";
export const TOOL_RESULT = "Ann is free at 3 pm.";

export async function perform(deeds) {
  for (const deed of process.argv.slice(2)) {
    let told;
    try {
      told = { deed, result: (await deeds[deed]()) ?? null };
    } catch (error) {
      const last = error.lastError ?? error;
      told = { deed, error: { name: error.name, message: error.message, status: last.statusCode ?? last.status ?? null } };
    }
    console.log(JSON.stringify(told));
  }
}
