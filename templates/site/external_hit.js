// What Amazon's externalHIT_v1.js does for the pages that load it: it reads the parameters that MTurk gives a page,
// and fills in the form called mturk_form. Ours is written from Amazon's description, not from their script.
window.turkGetParam = (name, otherwise) => {
  const found = new URLSearchParams(window.location.search).get(name);
  return found === null ? (otherwise === undefined ? '' : otherwise) : found;
};

window.turkSetAssignmentID = given => {
  const assignment = given || window.turkGetParam('assignmentId', '');
  const field = document.getElementById('assignmentId');
  if (field) field.value = assignment;
  const form = document.getElementById('mturk_form');
  const target = window.turkGetParam('turkSubmitTo', '');
  if (form && target) form.action = target + '/mturk/externalSubmit';
  const button = document.getElementById('submitButton');
  if (button && assignment === 'ASSIGNMENT_ID_NOT_AVAILABLE') {
    button.disabled = true;
    button.value = 'Accept the task before you submit it';
  }
};
